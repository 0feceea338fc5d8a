import assert from 'node:assert/strict';
import { closeSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Codec, Session } from 'culvert';
import { code, moving, open, solid, until } from './kit.js';

/** Whether the library still knows the handle. */
function lives(handle) {
    try {
        Session.attach(handle).stats();
        return true;
    } catch (error) {
        assert.equal(error.code, 'CULVERT_E_HANDLE');
        return false;
    }
}

test('a session is closed once, however often that is asked', async () => {
    const session = await open();
    const closed = session.close();
    assert.equal(session.close(), closed);
    await closed;
    await session.close();
    assert.equal(lives(session.handle), false);
});

test('a close ends what waits in the session', async () => {
    const session = await open();
    const waiting = [session.receive(), session.peek(), session.receive({ timeout: 60000 })];
    const outcomes = Promise.allSettled(waiting);
    await session.close();
    for (const { reason } of await outcomes) assert.equal(reason.code, 'CULVERT_E_HANDLE');
});

test('a close that comes while frames are submitted and encoded ends both', async () => {
    for (let i = 0; i < 20; i++) {
        const session = await open();
        const inside = [session.submit(moving(128, 128, i)), session.receive()];
        const outcomes = Promise.allSettled(inside);
        await session.close();
        for (const { status, reason } of await outcomes)
            assert.ok(status === 'fulfilled' || reason.code === 'CULVERT_E_HANDLE', reason);
    }
});

test('a session disposes of itself', { skip: !Symbol.asyncDispose }, async () => {
    const session = await open();
    await session[Symbol.asyncDispose]();
    assert.equal(lives(session.handle), false);
});

/** Runs a script in that many threads, which begin together, and gives what each posts. */
function inThreads(count, script, data = {}) {
    const start = new Int32Array(new SharedArrayBuffer(4));
    const source = `import { parentPort, workerData } from 'node:worker_threads';
        import { Session } from '${new URL('../index.js', import.meta.url)}';
        parentPort.postMessage('ready');
        Atomics.wait(workerData.start, 0, 0);
        ${script}`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
    let ready = 0;
    const run = () =>
        new Promise((resolve, reject) => {
            const said = [];
            const worker = new Worker(url, { workerData: { ...data, start } });
            worker.on('message', (message) => {
                if (message !== 'ready') return said.push(message);
                if (++ready < count) return;
                Atomics.store(start, 0, 1);
                Atomics.notify(start, 0);
            });
            worker.on('error', reject).on('exit', () => resolve(said));
        });
    return Promise.all(Array.from({ length: count }, run));
}

test('of many threads that close one session none fails, and none waits for another', async () => {
    const session = await open();
    const pending = assert.rejects(session.receive(), code('HANDLE'));
    const script = `await Session.attach(workerData.handle).close(); parentPort.postMessage('closed');`;
    const [, said] = await Promise.all([session.close(), inThreads(6, script, { handle: session.handle })]);
    assert.deepEqual(said, Array(6).fill(['closed']));
    await pending;
    assert.equal(lives(session.handle), false);
});

test('one thread submits what another receives', async () => {
    const session = await open();
    const script = `const session = Session.attach(workerData.handle);
        for (let i = 0; i < 5; i++)
            await session.submit({ format: 5, width: 64, height: 64, data: new Uint32Array(4096).fill(i * 99999) });
        session.finish();`;
    const submitted = inThreads(1, script, { handle: session.handle });
    const frames = [];
    for await (const { frame } of session) frames.push(frame);
    await submitted;
    assert.deepEqual(frames, [1, 2, 3, 4, 5]);
    await session.close();
});

test('a thread that ends closes the sessions that it opened', async () => {
    const script = `const session = await Session.open({ fpsNum: 60, fpsDen: 1, endpoint: workerData.endpoint });
        parentPort.postMessage(session.handle);
        globalThis.kept = session;`;
    const said = await inThreads(3, script, { endpoint: process.env.CULVERT_ENDPOINT ?? '' });
    assert.equal(new Set(said.flat()).size, 3);
    for (const handle of said.flat()) assert.equal(lives(handle), false);
});

test('a thread that ends gives back what was lent to it', async () => {
    const session = await open({ codec: Codec.NULL });
    const script = `const session = Session.attach(workerData.handle);
        globalThis.kept = [1, 2, 3, 4].map(() => session.lease({ format: 5, width: 16, height: 16 }));`;
    await inThreads(1, script, { handle: session.handle });
    for (let i = 0; i < 4; i++) session.lease({ format: 5, width: 16, height: 16 });
    await session.close();
});

test('no descriptor is left by a thread that ended, nor by an object that was dropped', async () => {
    const session = await open();
    closeSync(session.fd());
    const data = { handle: session.handle, endpoint: process.env.CULVERT_ENDPOINT ?? '' };
    const script = `const own = await Session.open({ fpsNum: 60, fpsDen: 1, endpoint: workerData.endpoint });
        for (const each of [own, Session.attach(workerData.handle)])
            await each.receive({ timeout: 1 }).catch(() => {});`;
    const count = () => readdirSync('/proc/self/fd').length;
    await inThreads(1, '', data);
    const before = count();
    for (let i = 0; i < 5; i++) {
        await inThreads(1, script, data);
        await assert.rejects(Session.attach(session.handle).receive({ timeout: 1 }), code('AGAIN'));
    }
    await until(() => {
        gc();
        return count() <= before + 2; // what is collected last
    });
    await session.close();
});

test('a thread may be terminated while it waits, and the process goes on', async () => {
    const session = await open();
    const source = `import { Session } from '${new URL('../index.js', import.meta.url)}';
        import { parentPort, workerData } from 'node:worker_threads';
        const waiting = Session.attach(workerData).receive();
        parentPort.postMessage('waits');
        await waiting;`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
    const worker = new Worker(url, { workerData: session.handle });
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
    session.submitSync(solid(64, 64, 1));
    assert.equal((await session.receive()).frame, 1);
    await session.close();
});

test('a session that was closed leaves no descriptor', async () => {
    const count = () => readdirSync('/proc/self/fd').length;
    const play = async () => {
        const session = await open();
        await assert.rejects(session.receive({ timeout: 1 }), code('AGAIN'));
        await session.close();
    };
    await play();
    const before = count();
    for (let i = 0; i < 20; i++) await play();
    assert.ok(count() <= before + 5, `${before} descriptors, then ${count()}`);
});

test('sessions that are dropped are closed', async () => {
    const handles = [];
    for (let i = 0; i < 20; i++) {
        const session = await open({ maxWidth: 640, maxHeight: 480 });
        await session.submit(solid(64, 64, i));
        await session.receive();
        handles.push(session.handle);
    }
    await until(() => {
        gc();
        return !handles.slice(0, -1).some(lives);
    });
});

test('a session that somebody waits in is not dropped', async () => {
    const handles = [];
    const controller = new AbortController();
    const wait = async () => {
        const session = await open();
        handles.push(session.handle);
        return session.receive({ signal: controller.signal });
    };
    const waiting = assert.rejects(wait(), { name: 'AbortError' });
    for (let i = 0; i < 20; i++) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 10));
        assert.ok(handles.every(lives));
    }
    controller.abort();
    await waiting;
    await until(() => {
        gc();
        return !handles.some(lives);
    });
});
