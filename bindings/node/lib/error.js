import { ERRORS } from './header.js';
import { native } from './native.js';

const NAMES = new Map(ERRORS.map(([name, number]) => [number, name]));
const NUMBERS = Object.fromEntries(ERRORS.map(([name, number]) => [name.slice('CULVERT_E_'.length), number]));
const TEXTS = new Map(ERRORS.map(([, number, text]) => [number, text]));

const LINE_BYTES = 512;

/** What a call refused: `code` is its name in culvert.h, `errno` its number there, the message culvert's own line. */
export class CulvertError extends Error {
    constructor(errno, line = '') {
        super(line || (TEXTS.get(errno) ?? native.culvert_strerror(errno)));
        this.code = NAMES.get(errno) ?? native.culvert_error_name(errno);
        this.errno = errno;
    }
}
Object.defineProperty(CulvertError.prototype, 'name', { value: 'CulvertError' });

/** The numbers of the errors, by their names without CULVERT_E_. */
export const Errno = Object.freeze(NUMBERS);

/** Room for one line of text of culvert's. */
export function line() {
    return Buffer.alloc(LINE_BYTES);
}

export function textOf(buffer) {
    return buffer.toString('utf8', 0, buffer.indexOf(0));
}

/** Throws if a result is an error; its line is in the buffer. */
export function check(result, buffer) {
    if (result < 0) throw new CulvertError(result, buffer && textOf(buffer));
    return result;
}

// These are said without a line: the session's last one is of an earlier error.
const WITHOUT_LINE = new Set([
    Errno.HANDLE,
    Errno.BUSY,
    Errno.AGAIN,
    Errno.TIMEOUT,
    Errno.BUFFER,
    Errno.FINISHED,
]);

export function errorText(handle) {
    const buffer = line();
    check(native.culvert_error_text(handle, buffer, buffer.length));
    return textOf(buffer);
}

/** Throws if a result is an error of a session's, with its line. */
export function checkIn(handle, result) {
    if (result >= 0) return result;
    const buffer = line();
    if (!WITHOUT_LINE.has(result)) native.culvert_error_text(handle, buffer, buffer.length);
    throw new CulvertError(result, textOf(buffer));
}
