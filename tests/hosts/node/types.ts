// What TypeScript must take, and what it must refuse: compiled, not run.
import { Codec, CulvertError, Format, FrameFlag, Policy, Result, Session, list } from 'culvert';
import type { Change, Config, ErrorCode, Frame, Packet, Stats } from 'culvert';

const config: Config = { fpsNum: 60, fpsDen: 1, codec: Codec.VP8, policy: Policy.LATEST, name: 'game', references: 4 };

async function stream(pixels: Uint32Array, shared: SharedArrayBuffer, signal: AbortSignal): Promise<Stats> {
    const session = await Session.open(config);
    const frame: Frame = { format: Format.XRGB8888, width: 320, height: 240, data: pixels, pts: 5n };
    session.submitSync(frame);
    await session.submit({ ...frame, data: shared, pts: 20000, flags: FrameFlag.KEY | FrameFlag.SAME });
    const lease = session.lease(frame);
    lease.write(pixels.subarray(1), 4);
    await lease.commit({ pts: 40000 });
    const { result, packet } = await session.encode(frame, { timeout: 100 });
    if (result === Result.OK) packet?.data.subarray(4);
    const next: Packet | null = await session.receive({ timeout: 20, signal });
    const references: readonly number[] = next?.reference ?? [];
    for await (const { key, pts, data } of session) console.log(key, pts + 1, data.length, references);
    const change: Change = session.setBitrate(2000);
    (await session.peek())?.copy(pixels, 12);
    console.log(change.control, change.reopens, session.handle.toFixed());
    await session.close();
    return session.stats();
}

async function names(endpoint: string): Promise<string[]> {
    const found: string[] = [];
    for await (const { name, stats } of list(endpoint)) found.push(`${name} ${stats.encode.p99}`);
    return found;
}

function isBusy(error: unknown): boolean {
    const busy: ErrorCode = 'CULVERT_E_BUSY';
    return error instanceof CulvertError && error.code === busy && error.errno < 0;
}

// @ts-expect-error: the frame rate is required
const noRate: Config = { codec: Codec.H264 };
// @ts-expect-error: there is no such setting
const noSetting: Config = { ...config, bitrate: 4000 };
// @ts-expect-error: there is no such codec
const noCodec: Config = { ...config, codec: 17 };
// @ts-expect-error: pixels are memory
const noPixels: Frame = { format: Format.I420, width: 2, height: 2, data: [1, 2, 3] };
// @ts-expect-error: sessions are opened by Session.open
const noSession = new Session();
// @ts-expect-error: there is no such error
const noError: ErrorCode = 'CULVERT_E_NONE';

export { isBusy, names, noCodec, noError, noPixels, noRate, noSession, noSetting, stream };
