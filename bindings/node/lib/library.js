import { CulvertError, Errno, check, line, textOf } from './error.js';
import { Result } from './header.js';
import { integer, room, shown, string } from './layout.js';
import { native, offLoop } from './native.js';

/** That of the library that was found, '0.3.0' say. */
export const version = native.culvert_version();

/** Whether this build has a codec. */
export function hasCodec(codec) {
    return native.culvert_has_codec(integer('codec', codec)) === 1;
}

/** One line about the codec's library. */
export function codecVersion(codec) {
    const text = line();
    check(native.culvert_codec_version(integer('codec', codec), text, text.length));
    return textOf(text);
}

/** Every default of a session's settings; the frame rate has none. */
export function configDefaults() {
    const config = room('culvert_config');
    check(native.culvert_config_defaults(config, config.size));
    return shown(config);
}

/** Keeps lines of this severity and graver ones for readLogLine, for the whole process. */
export function setLogLevel(severity) {
    check(native.culvert_log_level(integer('severity', severity)));
}

/** The oldest line of the log that was not read yet, or null. */
export function readLogLine() {
    const text = line();
    const result = native.culvert_log_read(text, text.length);
    if (result === Errno.AGAIN) return null;
    check(result);
    return textOf(text);
}

/** The sessions of the daemon at endpoint, in the order in which they were opened. */
export async function* list(endpoint) {
    string('endpoint', endpoint);
    for (let after = 0; ; ) {
        const [listing, text] = [room('culvert_listing'), line()];
        const result = await offLoop(native.culvert_list, endpoint, after, listing, text, text.length);
        if (result < 0) throw new CulvertError(result, textOf(text));
        if (result === Result.EOS) return;
        after = listing.id;
        yield { ...shown(listing), stats: shown(listing.stats) };
    }
}
