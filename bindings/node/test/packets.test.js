import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Codec, ConfigFlag, PacketFlag } from 'culvert';
import { poll } from '../lib/native.js';
import { code, delayDuring, encodeAll, endpoint, moving, open, openPixels, solid } from './kit.js';

const here = fileURLToPath(import.meta.url);

test('a stream ends with null, again and again', async () => {
    const session = await open();
    session.submitSync(solid(64, 64, 1));
    session.finish();
    assert.equal((await session.receive()).frame, 1);
    assert.equal(session.ended, false);
    assert.equal(await session.receive(), null);
    assert.equal(session.ended, true);
    assert.equal(await session.receive(), null);
    assert.equal(session.tryReceive(), null);
    assert.equal(await session.peek(), null);
    await session.close();
});

test('packets are waited for, and come in order to whoever waits longest', async () => {
    const session = await open();
    const receives = [session.receive(), session.receive(), session.receive()];
    for (let i = 0; i < 3; i++) {
        await sleep(5);
        await session.submit(moving(64, 64, i));
    }
    assert.deepEqual((await Promise.all(receives)).map(({ frame }) => frame), [1, 2, 3]);
    await session.close();
});

test('a receive that nothing comes for is AGAIN, not before its time', async () => {
    const session = await open();
    const start = performance.now();
    await assert.rejects(session.receive({ timeout: 120 }), code('AGAIN'));
    assert.ok(performance.now() - start >= 119);
    await assert.rejects(session.receive({ timeout: -1 }), { code: 'ERR_OUT_OF_RANGE' });
    await session.submit(solid(64, 64, 1));
    assert.equal((await session.receive({ timeout: 30000 })).frame, 1);
    await session.close();
});

test('a receive is aborted by a signal, with its reason', async () => {
    const session = await open();
    const controller = new AbortController();
    const aborted = session.receive({ signal: controller.signal });
    const other = session.receive();
    const reason = new Error('no more viewers');
    controller.abort(reason);
    await assert.rejects(aborted, reason);
    await assert.rejects(session.receive({ signal: controller.signal }), reason);
    await assert.rejects(session.receive({ signal: AbortSignal.timeout(20) }), { name: 'TimeoutError' });
    await session.submit(solid(64, 64, 1));
    assert.equal((await other).frame, 1);
    await session.close();
});

test('a loop over a session may be left and taken up again', async () => {
    const session = await open();
    for (let i = 0; i < 3; i++) await session.submit(moving(64, 64, i));
    session.finish();
    const frames = [];
    for await (const packet of session) {
        frames.push(packet.frame);
        break;
    }
    for await (const packet of session.packets()) frames.push(packet.frame);
    assert.deepEqual(frames, [1, 2, 3]);
    await session.close();
});

test('a repeated frame is a packet of no bytes, if that is wanted', async () => {
    const session = await openPixels({ flags: ConfigFlag.REPEATS });
    const packets = await encodeAll(session, [solid(64, 64, 1), solid(64, 64, 1)]);
    assert.equal(packets[1].data.length, 0);
    assert.ok(packets[1].flags & PacketFlag.REPEATED);
    await session.close();
});

test('a packet has memory of its own, which can be transferred', async () => {
    const session = await openPixels();
    const [packet] = await encodeAll(session, [solid(64, 64, 1)]);
    const before = Uint8Array.from(packet.data);
    const { buffer } = packet.data;
    const moved = structuredClone(buffer, { transfer: [buffer] });
    assert.equal(packet.data.length, 0);
    assert.deepEqual(new Uint8Array(moved), before);
    await session.close();
});

test('a peeked packet is copied where it is wanted', async () => {
    const session = await openPixels();
    await session.submit(solid(64, 64, 0xffffff));
    const packet = await session.peek();
    assert.equal(packet.bytes, 32 + (64 * 64 * 3) / 2);
    assert.deepEqual([packet.key, packet.width, packet.frame], [true, 64, 1]);
    const whole = Buffer.alloc(packet.bytes);
    assert.equal(packet.copy(whole), packet.bytes);
    assert.equal(whole[32], 235);
    const part = Buffer.alloc(8);
    assert.equal(packet.copy(part, 2, 30, 34), 4);
    assert.deepEqual([...part.subarray(4, 8)], [235, 235, 0, 0]);
    assert.equal(packet.copy(part), 8);
    assert.deepEqual(part, whole.subarray(0, 8));
    assert.equal(packet.copy(part, 8), 0);
    assert.throws(() => (packet.bytes = 1 << 20), TypeError);
    assert.equal(packet.copy(part, 0, packet.bytes), 0);
    assert.equal(packet.copy(part, 0, packet.bytes - 3, Infinity), 3);
    packet.release();
    packet.release();
    assert.throws(() => packet.copy(whole), code('HANDLE'));
    await session.close();
});

test('peeked packets outlive their session, and are released in any order', async () => {
    const session = await openPixels();
    for (let i = 1; i <= 3; i++) await session.submit(solid(64, 64, 0x010101 * 60 * i));
    const packets = [await session.peek(), await session.peek(), await session.peek()];
    assert.equal(session.tryPeek(), null);
    packets[1].release();
    await session.close();
    const lumas = [packets[2], packets[0]].map((packet) => {
        const bytes = Buffer.alloc(packet.bytes);
        packet.copy(bytes);
        packet.release();
        return bytes[40];
    });
    assert.ok(lumas[0] > lumas[1] && lumas[1] > 16, String(lumas));
});

/** Until a descriptor is readable. */
function readable(fd) {
    return new Promise((resolve) => {
        const watch = poll(fd, () => {
            watch.close();
            resolve();
        });
    });
}

test('the descriptor is readable when a packet is there, and after the close', async () => {
    const session = await open();
    const fd = session.fd();
    const rung = readable(fd);
    await session.submit(solid(64, 64, 1));
    await rung;
    while (session.tryReceive() === null) await readable(fd);
    await session.close();
    await readable(fd);
    await readable(fd);
    closeSync(fd);
});

/** What a process writes that opens a session and then does what the script says, until it ends by itself. */
function written(script, settings = {}, env = {}) {
    const all = { fpsNum: 60, fpsDen: 1, endpoint, ...settings };
    const source = `import { Session } from 'culvert';
        const session = await Session.open(${JSON.stringify(all)});
        process.on('exit', () => console.log('exit'));
        ${script}`;
    const options = { cwd: dirname(here), timeout: 60000, env: { ...process.env, ...env } };
    return new Promise((resolve, reject) => {
        const done = (error, out) => (error ? reject(error) : resolve(out.trim().split('\n')));
        execFile(process.execPath, ['--input-type=module', '-e', source], options, done);
    });
}

test('a session that nobody waits in lets the process end', async () => {
    const script = `await session.receive({ timeout: 1 }).catch(({ code }) => console.log(code));`;
    assert.deepEqual(await written(script), ['CULVERT_E_AGAIN', 'exit']);
});

test('a session that somebody waits in does not', async () => {
    const script = `setTimeout(() => session.close(), 200).unref();
        await session.receive().catch(({ code }) => console.log(code));`;
    assert.deepEqual(await written(script), ['CULVERT_E_HANDLE', 'exit']);
});

test('an encode that ends before the one before it was looked at leaves it its bytes', async () => {
    const script = `const encode = (luma) => {
            const data = Buffer.alloc(16 * 16 * 1.5, luma);
            return session.encode({ format: 1, width: 16, height: 16, data }, { timeout: 30000 });
        };
        const encoded = [10, 20, 30].map(encode);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
        for (const { packet } of await Promise.all(encoded)) console.log(packet.data[32]);`;
    const oneAfterTheOther = { UV_THREADPOOL_SIZE: '1' };
    const said = await written(script, { codec: Codec.NULL, options: 'pixels=1' }, oneAfterTheOther);
    assert.deepEqual(said, ['10', '20', '30', 'exit']);
});

test('nothing that waits in a session holds up the event loop, or the pool of threads', async () => {
    const sessions = await Promise.all(Array.from({ length: 12 }, () => open({ codec: Codec.NULL })));
    const { result, median, count } = await delayDuring(async () => {
        const receives = Promise.allSettled(sessions.map((session) => session.receive({ timeout: 1000 })));
        let reads = 0;
        for (const start = performance.now(); performance.now() - start < 300; reads++) await readFile(here);
        return { outcomes: await receives, reads };
    });
    for (const { reason } of result.outcomes) assert.equal(reason.code, 'CULVERT_E_AGAIN');
    console.log(`# figure: 12 receives that wait: the event loop is ${median.toFixed(1)} ms late at the median`);
    assert.ok(result.reads > 3, `${result.reads} files were read beside 12 receives`);
    assert.ok(count > 50 && median < 100, `${median} ms, ${count} times`);
    await Promise.all(sessions.map((session) => session.close()));
});

test('a frame that waits for room holds up nothing', async () => {
    const session = await open({ codec: Codec.VP9, speed: 1, slots: 2, threads: 1 });
    const { median, count, result } = await delayDuring(() =>
        encodeAll(session, Array.from({ length: 6 }, (_, i) => moving(640, 480, i))),
    );
    assert.equal(result.length, 6);
    console.log(`# figure: frames that wait for room: the event loop is ${median.toFixed(1)} ms late at the median`);
    assert.ok(count > 20 && median < 100, `${median} ms, ${count} times`);
    await session.close();
});
