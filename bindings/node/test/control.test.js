import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Codec, PacketFlag } from 'culvert';
import { code, encodeAll, moving, open, until } from './kit.js';

/** Submits one frame and receives its packet. */
async function next(session, time) {
    await session.submit({ ...moving(320, 240, time), pts: time * 16667 });
    return session.receive();
}

test('controls are numbered, and packets say which one they obey', async () => {
    const session = await open();
    assert.equal((await next(session, 0)).control, 0);
    assert.deepEqual(session.setBitrate(1000), { control: 1, reopens: false });
    assert.equal((await next(session, 1)).control, 1);
    assert.equal(session.setFramerate(30000, 1001).control, 2);
    assert.equal(session.requestKeyframe().control, 3);
    assert.equal((await next(session, 2)).control, 3);
    const { control, bitrateKbps, fpsNum, fpsDen, keyRequests } = session.stats();
    assert.deepEqual([control, bitrateKbps, fpsNum, fpsDen, keyRequests], [3, 1000, 30000, 1001, 1]);
    await session.close();
});

test('a change that reopens says so, and a new epoch follows', async () => {
    const session = await open({ codec: Codec.H264 });
    assert.equal((await next(session, 0)).epoch, 1);
    assert.deepEqual(session.setSpeed(5), { control: 1, reopens: true });
    const packet = await next(session, 1);
    assert.deepEqual([packet.epoch, packet.key, Boolean(packet.flags & PacketFlag.EPOCH)], [2, true, true]);
    await session.close();
});

test('what a control refuses changes nothing', async () => {
    const session = await open();
    assert.throws(() => session.setBitrate(0), { ...code('RANGE'), message: /bitrate_kbps/ });
    assert.throws(() => session.setFramerate(0), code('RANGE'));
    assert.throws(() => session.setSpeed(11), code('RANGE'));
    assert.throws(() => session.setBitrate('1'), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.equal(session.setBitrate(500).control, 1);
    await session.close();
});

test('a loss is answered by a packet that refers to nothing that was lost', async () => {
    const session = await open({ codec: Codec.H264, references: 4, keyint: 0 });
    for (let i = 0; i < 4; i++) await next(session, i);
    session.reportLoss(3 * 16667);
    const packet = await next(session, 4);
    assert.ok(packet.flags & PacketFlag.RECOVERY);
    assert.equal(packet.reference.length, packet.references);
    for (const pts of packet.reference) assert.ok(pts < 3 * 16667, String(pts));
    assert.equal(session.stats().losses, 1);
    await session.close();
});

test('a paused session takes frames and sends none, and comes back with a key frame', async () => {
    const session = await open();
    await next(session, 0);
    session.pause();
    assert.equal(session.stats().paused, 1);
    await session.submit({ ...moving(320, 240, 1), pts: 16667 });
    await until(() => session.stats().skipped === 1);
    assert.equal(session.tryReceive(), null);
    session.resume();
    assert.equal((await next(session, 2)).key, true);
    await session.close();
});

test('statistics add up while a stream runs and when it ended', async () => {
    const session = await open({ slots: 4 });
    const settledOf = ({ encoded, skipped, repeated, dropped, lost, failed }) =>
        encoded + skipped + repeated + dropped + lost + failed;
    const checked = () => {
        const stats = session.stats();
        assert.equal(stats.settled, settledOf(stats));
        assert.ok(stats.submitted - stats.settled >= 0 && stats.submitted - stats.settled <= stats.slots);
        return stats;
    };
    const watch = setInterval(checked, 1);
    const frames = Array.from({ length: 40 }, (_, i) => ({ ...moving(320, 240, i), pts: i * 16667 }));
    const packets = await encodeAll(session, frames);
    clearInterval(watch);
    const stats = checked();
    assert.deepEqual([stats.submitted, stats.settled, stats.queuedPackets], [40, 40, 0]);
    assert.equal(stats.packets, packets.length);
    assert.equal(stats.bytes, packets.reduce((sum, { data }) => sum + data.length, 0));
    assert.equal(stats.keyframes, packets.filter(({ key }) => key).length);
    assert.ok(stats.total.p50 <= stats.total.p95 && stats.total.p95 <= stats.total.max && stats.total.max > 0);
    await session.close();
});

test('the settings that the codec runs with are read back', async () => {
    const session = await open({ codec: Codec.H264, options: 'me=hex' });
    await next(session, 0);
    assert.match(session.params(), /me=hex/);
    await session.close();
});
