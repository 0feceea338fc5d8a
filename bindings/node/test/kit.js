// What the tests share: sessions in process or, with CULVERT_ENDPOINT, through a daemon, and frames to submit.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Codec, ConfigFlag, Format, NEVER, Policy, Session } from 'culvert';

export const endpoint = process.env.CULVERT_ENDPOINT ?? '';

// No packet comes without a frame, however long the machine takes between two of them.
const plain = { refreshMs: NEVER, flags: ConfigFlag.COARSE_STILLS };

/** A session that encodes every frame, quickly. */
export function open(settings = {}) {
    return Session.open({ fpsNum: 60, fpsDen: 1, speed: 10, policy: Policy.BLOCK, endpoint, ...plain, ...settings });
}

/** A session without compression, whose packets hold the picture behind a header. */
export function openPixels(settings = {}) {
    return open({ codec: Codec.NULL, options: 'pixels=1', ...settings });
}

const NULL_HEADER = 32;

/** Y, U and V of a packet of openPixels'. */
export function planes({ data, codedWidth, codedHeight }) {
    const luma = codedWidth * codedHeight;
    const picture = data.subarray(NULL_HEADER);
    return [
        picture.subarray(0, luma),
        picture.subarray(luma, luma + luma / 4),
        picture.subarray(luma + luma / 4, luma + luma / 2),
    ];
}

/** XRGB8888 of one colour. */
export function solid(width, height, colour) {
    return { format: Format.XRGB8888, width, height, data: new Uint32Array(width * height).fill(colour) };
}

/** A picture that differs from the last and the next. */
export function moving(width, height, time) {
    const data = new Uint32Array(width * height);
    for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) data[y * width + x] = ((x + time) << 16) ^ ((y + 2 * time) << 8) ^ (x * y);
    return { format: Format.XRGB8888, width, height, data };
}

/** The packets of a session as they come, and when its stream ended. */
export function receiveAll(session) {
    const packets = [];
    const receive = async () => {
        for await (const packet of session) packets.push(packet);
    };
    return { packets, ended: receive() };
}

/** Submits frames, and gives the packets of all. */
export async function encodeAll(session, frames) {
    const { packets, ended } = receiveAll(session);
    for (const frame of frames) await session.submit(frame);
    session.finish();
    await ended;
    return packets;
}

/** What assert.throws and assert.rejects compare an error with. */
export function code(name) {
    return { name: 'CulvertError', code: `CULVERT_E_${name}` };
}

/** Until a condition holds; what it throws, this throws. */
export async function until(condition, milliseconds = 20000) {
    for (const deadline = Date.now() + milliseconds; !condition(); await sleep(10))
        if (Date.now() > deadline) throw new Error(`not within ${milliseconds} ms: ${condition}`);
}

/** How late the event loop was at the median while a task was awaited, in milliseconds, and of how many times. */
export async function delayDuring(task) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const result = await task();
    delay.disable();
    return { result, median: delay.percentile(50) / 1e6, count: delay.count };
}
