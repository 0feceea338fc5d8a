import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameFlag, Flip, Format, PacketFlag, PTS_NOW, Policy, Range, Result } from 'culvert';
import { encodeAll, moving, open, openPixels, planes, solid } from './kit.js';

const WIDTH = 32;
const HEIGHT = 16;

function filled(bytes, value) {
    return Buffer.alloc(bytes, value);
}

// White, as each packed format writes it.
const white = [
    ['BGRA', filled(WIDTH * HEIGHT * 4, 0xff)],
    ['RGBA', filled(WIDTH * HEIGHT * 4, 0xff)],
    ['XRGB8888', new Uint32Array(WIDTH * HEIGHT).fill(0x00ffffff)],
    ['RGB565', new Uint16Array(WIDTH * HEIGHT).fill(0xffff)],
    ['0RGB1555', new Uint16Array(WIDTH * HEIGHT).fill(0x7fff)],
];
for (const [format, data] of white)
    test(`white in ${format} is white`, async () => {
        const session = await openPixels();
        const [packet] = await encodeAll(session, [{ format: Format[format], width: WIDTH, height: HEIGHT, data }]);
        const [y, u, v] = planes(packet);
        assert.equal(y.length, WIDTH * HEIGHT);
        assert.ok(y.every((luma) => luma >= 233 && luma <= 236), `${y[0]}`);
        assert.ok([...u, ...v].every((chroma) => Math.abs(chroma - 128) <= 1));
        await session.close();
    });

function ramp(bytes) {
    return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => (i * 7) % 251));
}

test('I420 comes through byte for byte', async () => {
    const session = await openPixels();
    const data = ramp((WIDTH * HEIGHT * 3) / 2);
    const frame = { format: Format.I420, width: WIDTH, height: HEIGHT, data, range: Range.FULL };
    const [packet] = await encodeAll(session, [frame]);
    assert.deepEqual(Buffer.concat(planes(packet)), data);
    assert.equal(packet.range, Range.FULL);
    await session.close();
});

test('NV12 comes through byte for byte, its chroma in two planes', async () => {
    const session = await openPixels();
    const data = ramp((WIDTH * HEIGHT * 3) / 2);
    const [packet] = await encodeAll(session, [{ format: Format.NV12, width: WIDTH, height: HEIGHT, data }]);
    const [y, u, v] = planes(packet);
    const chroma = data.subarray(WIDTH * HEIGHT);
    assert.deepEqual(y, data.subarray(0, WIDTH * HEIGHT));
    assert.deepEqual([...u], [...chroma].filter((_, i) => i % 2 === 0));
    assert.deepEqual([...v], [...chroma].filter((_, i) => i % 2 === 1));
    await session.close();
});

test('memory is taken as it is, however it is seen', async () => {
    const bytes = ramp((WIDTH * HEIGHT * 3) / 2);
    const shared = new SharedArrayBuffer(bytes.length);
    const within = new ArrayBuffer(bytes.length + 24);
    new Uint8Array(shared).set(bytes);
    new Uint8Array(within, 8).set(bytes);
    const views = [
        bytes, Uint8Array.from(bytes), Uint8Array.from(bytes).buffer, shared, new Uint8Array(shared),
        new DataView(within, 8, bytes.length), new Uint16Array(within, 8, bytes.length / 2),
        new BigInt64Array(within, 8, bytes.length / 8), new Uint8ClampedArray(bytes),
    ];
    const session = await openPixels();
    const frame = { format: Format.I420, width: WIDTH, height: HEIGHT, flags: FrameFlag.KEY };
    const packets = await encodeAll(session, views.map((data) => ({ ...frame, data })));
    assert.equal(packets.length, views.length);
    for (const packet of packets) assert.deepEqual(Buffer.concat(planes(packet)), bytes);
    await session.close();
});

test('rows and planes lie where offset and stride say', async () => {
    const session = await openPixels();
    const [width, height] = [6, 4];
    const data = Buffer.alloc(200, 1);
    const put = (at, stride, w, h, value) => {
        for (let y = 0; y < h; y++) data.fill(value, at + y * stride, at + y * stride + w);
    };
    put(100, 10, width, height, 50);
    put(8, 5, 3, 2, 60);
    put(40, 7, 3, 2, 70);
    const frame = { format: Format.I420, width, height, data, offset: [100, 8, 40], stride: Uint32Array.of(10, 5, 7) };
    const [packet] = await encodeAll(session, [frame]);
    assert.deepEqual(planes(packet).map((plane) => [...new Set(plane)]), [[50], [60], [70]]);
    await session.close();
});

test('rotation and flip turn the picture', async () => {
    const data = Buffer.alloc(24, 128);
    for (let i = 0; i < 16; i++) data[i] = 100 + i;
    const frame = { format: Format.I420, width: 4, height: 4, data };
    const session = await openPixels();
    const frames = [{}, { flip: Flip.HORIZONTAL }, { rotation: 90 }].map((turn) => ({ ...frame, ...turn }));
    const tops = (await encodeAll(session, frames)).map((packet) => [...planes(packet)[0].subarray(0, 4)]);
    assert.deepEqual(tops, [[100, 101, 102, 103], [103, 102, 101, 100], [103, 107, 111, 115]]);
    await session.close();
});

test('what is written into the memory after submit is not in the picture', async () => {
    const session = await openPixels({ slots: 8 });
    const data = Buffer.alloc((WIDTH * HEIGHT * 3) / 2);
    for (let i = 1; i <= 6; i++) {
        const frame = { format: Format.I420, width: WIDTH, height: HEIGHT, data: data.fill(i) };
        if (i % 2) session.submitSync(frame);
        else await session.submit(frame);
        data.fill(255);
        const packet = await session.receive();
        assert.deepEqual([...new Set(packet.data.subarray(32))], [i]);
    }
    await session.close();
});

test('packets follow the size of the game', async () => {
    const sizes = [[256, 240], [320, 240], [368, 240], [512, 240], [640, 480], [301, 233]];
    const session = await open({ warm: 1 });
    const frames = sizes.map(([width, height], i) => ({ ...moving(width, height, i), pts: i * 16667 }));
    const packets = await encodeAll(session, frames);
    assert.deepEqual(packets.map(({ width, height }) => [width, height]), sizes);
    assert.deepEqual(packets.map(({ epoch }) => epoch), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual([packets[5].codedWidth, packets[5].codedHeight], [302, 234]);
    for (const packet of packets) assert.ok(packet.key && packet.flags & PacketFlag.EPOCH);
    await session.close();
});

test('pts come back as they were, numbers or not', async () => {
    const session = await open();
    const times = [0, 1000n, 20000, BigInt(Number.MAX_SAFE_INTEGER) - 1n];
    const frames = times.map((pts, i) => ({ ...moving(64, 64, i), pts }));
    const packets = await encodeAll(session, frames);
    assert.deepEqual(packets.map(({ pts }) => pts), frames.map(({ pts }) => Number(pts)));
    assert.deepEqual(packets.map(({ frame }) => frame), [1, 2, 3, 4]);
    await session.close();
});

test('a frame without pts is of now', async () => {
    const session = await open();
    const before = Number(process.hrtime.bigint() / 1000n);
    const packets = await encodeAll(session, [moving(64, 64, 0), { ...moving(64, 64, 1), pts: PTS_NOW }]);
    const after = Number(process.hrtime.bigint() / 1000n);
    assert.ok(before <= packets[0].pts && packets[0].pts < packets[1].pts && packets[1].pts <= after);
    await session.close();
});

test('the same picture once more needs no data', async () => {
    const session = await open();
    session.submitSync({ ...solid(64, 64, 5), pts: 0 });
    session.submitSync({ format: Format.XRGB8888, width: 64, height: 64, pts: 1, flags: FrameFlag.SAME });
    session.submitSync({ ...solid(64, 64, 5), pts: 2, flags: FrameFlag.KEY });
    session.finish();
    const keys = [];
    for await (const packet of session) keys.push(packet.key);
    assert.equal(session.stats().submitted, 3);
    assert.equal(keys[0], true);
    await session.close();
});

test('encode gives the packet of its frame, or says why there is none', async () => {
    const session = await open({ policy: Policy.LATEST });
    const frame = solid(64, 64, 0x808080);
    const first = await session.encode({ ...frame, pts: 1000 });
    assert.equal(first.result, Result.OK);
    assert.deepEqual([first.packet.pts, first.packet.key], [1000, true]);
    assert.deepEqual(await session.encode({ ...frame, pts: 2000 }), { result: Result.REPEATED, packet: null });
    session.pause();
    assert.deepEqual(await session.encode({ ...frame, pts: 3000 }), { result: Result.SKIPPED, packet: null });
    await session.close();
});

test('encode gives packets of any size', async () => {
    const session = await openPixels();
    for (let i = 0; i < 3; i++) {
        const { result, packet } = await session.encode(moving(640, 480, i));
        assert.equal(result, Result.OK);
        assert.equal(packet.data.length, 32 + (640 * 480 * 3) / 2);
    }
    await session.close();
});
