// A game that changes its size about once a second, streamed as H.264 at 60 frames a second:
//
//     npm install culvert && node streamer.mjs OUTPUT [SECONDS] [ENDPOINT]
//
// OUTPUT is a file or, as "-", standard output; ENDPOINT is that of a culvertd, "unix:/run/culvert/culvertd.sock" say.
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Format, PacketFlag, Session } from 'culvert';

const FPS = 60;
const SIZES = [[256, 240], [320, 240], [368, 240], [512, 240], [640, 240], [640, 480]];

const [path, seconds = '10', endpoint = ''] = process.argv.slice(2);
if (!path || !(Number(seconds) > 0)) {
    console.error('usage: streamer.mjs OUTPUT [SECONDS] [ENDPOINT]');
    process.exit(2);
}

/** The game: one buffer, drawn over for each frame, as an emulator's core does it. */
const pixels = new Uint16Array(640 * 480);
function draw(time) {
    const [width, height] = SIZES[Math.floor(time / FPS) % SIZES.length];
    for (let y = 0, at = 0; y < height; y++)
        for (let x = 0; x < width; x++)
            pixels[at++] = (((x + time) >> 3) & 31) << 11 | (((y + (time >> 1)) >> 2) & 63) << 5 | ((x ^ y) & 31);
    return { format: Format.RGB565, width, height, data: pixels };
}

/** Calls step for each frame, at its time; when it is late, the next one follows at once. */
async function pace(frames, step) {
    const start = performance.now();
    for (let frame = 0; frame < frames; frame++) {
        const early = start + (frame * 1000) / FPS - performance.now();
        await new Promise((resolve) => setTimeout(resolve, Math.max(early, 0)));
        step(frame);
    }
}

/** What is sent of each packet. A slow reader is waited for; meanwhile the newest frame takes the place of others. */
async function* units(session) {
    for await (const { data, epoch, flags, height, width } of session) {
        if (flags & PacketFlag.EPOCH) console.error(`epoch ${epoch}: ${width}x${height}`);
        yield data;
    }
}

async function stream(output) {
    const session = await Session.open({ fpsNum: FPS, fpsDen: 1, bitrateKbps: 4000, name: 'streamer', endpoint });
    try {
        // The pixels are read during the call alone: the next frame may be drawn over them.
        const played = pace(Number(seconds) * FPS, (time) => session.submitSync(draw(time)));
        await Promise.all([pipeline(units(session), output), played.then(() => session.finish())]);
        const { encoded, skipped, total } = session.stats();
        console.error(`${encoded} frames encoded, ${skipped} skipped; half of the packets came within ${total.p50} us`);
    } finally {
        await session.close();
    }
}

try {
    await stream(path === '-' ? process.stdout : createWriteStream(path));
} catch (error) {
    if (error.code === undefined) throw error;
    console.error(`streamer: ${error.code}: ${error.message}`);
    process.exitCode = 1;
}
