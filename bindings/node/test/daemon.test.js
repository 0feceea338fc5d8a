// What there is through a daemon alone: with CULVERT_ENDPOINT, that of a daemon of the tests' own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Codec, Session, list } from 'culvert';
import { code, delayDuring, endpoint, moving, open, receiveAll, until } from './kit.js';

const skip = endpoint === '' && 'there is no daemon';
const needsProgram = { skip: !process.env.CULVERTD && 'there is no culvertd' };

async function listed(name) {
    for await (const listing of list(endpoint)) if (listing.name === name) return listing;
    return undefined;
}

/** Listings are at most half a second old. */
async function untilListed(name, condition) {
    for (let i = 0; i < 400; i++, await sleep(50)) {
        const listing = await listed(name);
        if (listing && condition(listing)) return listing;
    }
    throw new Error(`${name} is never listed as ${condition}`);
}

test('a daemon lists its sessions', { skip }, async () => {
    const sessions = await Promise.all(['one', 'two'].map((name) => open({ name, codec: Codec.NULL })));
    await sessions[0].submit(moving(320, 240, 0));
    const one = await untilListed('one', ({ width }) => width > 0);
    assert.deepEqual([one.codec, one.width, one.height, one.stats.encoded], [Codec.NULL, 320, 240, 1]);
    assert.equal(one.user, process.getuid());
    assert.notEqual((await listed('two')).id, one.id);
    await Promise.all(sessions.map((session) => session.close()));
});

test('a watcher gets what the one that it watches sends', { skip }, async () => {
    const session = await open({ name: 'watched' });
    await session.submit({ ...moving(320, 240, 0), pts: 0 });
    await session.receive();
    const watcher = await Session.watch(endpoint, 'watched');
    const sent = receiveAll(session);
    const seen = receiveAll(watcher);
    for (let i = 1; seen.packets.length === 0; i++, await sleep(5))
        await session.submit({ ...moving(320, 240, i), pts: i * 16667 });
    session.finish();
    await sent.ended;
    await session.close();
    await seen.ended;
    const [first] = seen.packets;
    assert.ok(first.key);
    assert.deepEqual(first.data, sent.packets.find(({ pts }) => pts === first.pts).data);
    assert.throws(() => watcher.requestKeyframe(), code('UNSUPPORTED'));
    await watcher.close();
    await assert.rejects(Session.watch(endpoint, 'nobody'), code('HANDLE'));
});

/** Kills the encoder of a session, and feeds it until the next one has taken its place. */
async function survive(session, name, time) {
    const { restarts } = session.stats();
    process.kill((await untilListed(name, ({ pid }) => pid > 0)).pid, 'SIGKILL');
    let frames = 0;
    await until(() => {
        session.submitSync({ ...moving(320, 240, time + frames), pts: (time + frames++) * 16667 });
        return session.stats().restarts > restarts;
    });
    return frames;
}

test('a session goes on with a key frame when its encoder was killed', { skip }, async () => {
    const session = await open({ name: 'killed', policy: 0 });
    const { packets, ended } = receiveAll(session);
    await session.submit({ ...moving(320, 240, 0), pts: 0 });
    await until(() => packets.length > 0);
    const time = 1 + (await survive(session, 'killed', 1));
    await session.submit({ ...moving(320, 240, time), pts: time * 16667 });
    session.finish();
    await ended;
    assert.equal(session.stats().restarts, 1);
    assert.ok(packets.filter(({ key }) => key).length >= 2);
    assert.ok(packets.find(({ epoch }) => epoch > packets[0].epoch).key);
    await session.close();
});

test('a session whose encoder dies too often is CRASHED', { skip }, async () => {
    const session = await open({ name: 'mortal', policy: 0 });
    await session.submit({ ...moving(320, 240, 0), pts: 0 });
    await assert.rejects(async () => {
        for (let time = 1; time < 2000; ) time += await survive(session, 'mortal', time);
    }, code('CRASHED'));
    await assert.rejects(async () => {
        while ((await session.receive({ timeout: 20000 })) !== null);
    }, code('CRASHED'));
    await session.close();
});

function answers(endpoint) {
    return list(endpoint).next().then(() => true, () => false);
}

/** A daemon of one test's own, which ends with it at the latest. */
async function daemon(context) {
    const directory = await mkdtemp(join(tmpdir(), 'culvert-node-'));
    const socket = join(directory, 'socket');
    const child = spawn(process.env.CULVERTD, ['--socket', socket, '--drain', '100'], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    const end = async () => {
        child.kill('SIGCONT');
        child.kill('SIGTERM');
        await ended;
        await rm(directory, { recursive: true, force: true });
    };
    context.after(end);
    const endpoint = `unix:${socket}`;
    await until(() => existsSync(socket));
    while (!(await answers(endpoint))) await sleep(10);
    return { child, endpoint, end };
}

test('a daemon that does not answer holds up nothing', needsProgram, async (context) => {
    const own = await daemon(context);
    own.child.kill('SIGSTOP');
    const opening = () => assert.rejects(open({ endpoint: own.endpoint }), (error) => /GONE|TIMEOUT/.test(error.code));
    const { median, count } = await delayDuring(opening);
    assert.ok(count > 50 && median < 100, `${median} ms, ${count} times`);
});

test('a daemon that ends leaves its sessions GONE', needsProgram, async (context) => {
    const own = await daemon(context);
    const session = await open({ endpoint: own.endpoint });
    await session.submit(moving(64, 64, 0));
    assert.equal((await session.receive()).key, true);
    const waiting = assert.rejects(async () => {
        while ((await session.receive()) !== null);
    }, code('GONE'));
    await own.end();
    await waiting;
    assert.throws(() => session.submitSync(moving(64, 64, 1)), code('GONE'));
    await session.close();
});
