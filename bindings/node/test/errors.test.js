import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Codec, Format, Policy, Session, list } from 'culvert';
import { code, endpoint, moving, open, solid } from './kit.js';

const refusedSettings = [
    ['ARGUMENT', { name: 'x'.repeat(32) }, /^name has no terminating NUL/],
    ['ARGUMENT', { policy: 9 }, /^policy is 9/],
    ['RANGE', { bitrateKbps: 500001 }, /^bitrate_kbps is 500001/],
    ['RANGE', { fpsNum: 0 }, /^frame rate 0\/1/],
    ['OPTION', { options: 'no-such=1' }, /'no-such'/],
    ['UNSUPPORTED', { codec: 77 }, /^codec 77/],
    ['UNSUPPORTED', { codec: Codec.H264, layers: 2 }, /layers/],
    ['LEVEL', { level: 10, bitrateKbps: 400000 }, /level/],
    ['GONE', { endpoint: 'unix:/nonexistent/culvert' }, /nonexistent/],
];
for (const [name, settings, line] of refusedSettings)
    test(`${Object.entries(settings).join().slice(0, 40)} is ${name}, in the library's own words`, async () => {
        await assert.rejects(open(settings), { ...code(name), message: line });
    });

const impossible = [
    ['a name that is no string', { name: 7 }, 'ERR_INVALID_ARG_TYPE'],
    ['a name with a NUL in it', { name: 'a\0b' }, 'ERR_OUT_OF_RANGE'],
    ['a number that is none', { bitrateKbps: '4000' }, 'ERR_INVALID_ARG_TYPE'],
    ['a number below what C can hold', { bitrateKbps: -1 }, 'ERR_OUT_OF_RANGE'],
    ['a number above what C can hold', { keyint: 2 ** 32 }, 'ERR_OUT_OF_RANGE'],
    ['a fraction', { speed: 1.5 }, 'ERR_OUT_OF_RANGE'],
    ['a setting that there is not', { bitrate: 4000 }, 'ERR_INVALID_ARG_TYPE'],
];
for (const [what, settings, expected] of impossible)
    test(`${what} never reaches the library`, () => assert.rejects(open(settings), { code: expected }));

const refusedFrames = [
    ['SIZE', { width: 1 }, /1x16/],
    ['ARGUMENT', { width: 17 }, /data|size|bytes/],
    ['ARGUMENT', { format: 99 }, /format is 99/],
    ['ARGUMENT', { data: undefined }, /data/],
    ['ARGUMENT', { stride: [3] }, /stride/],
    ['ARGUMENT', { rotation: 45 }, /rotation is 45/],
    ['PTS', { pts: 5 }, /pts/],
];
for (const [name, change, line] of refusedFrames)
    test(`a frame with ${JSON.stringify(change)} is ${name}, and the next one goes on`, async () => {
        const session = await open();
        session.submitSync({ ...solid(16, 16, 1), pts: 10 });
        const expected = { ...code(name), message: line };
        assert.throws(() => session.submitSync({ ...solid(16, 16, 1), pts: 20, ...change }), expected);
        await assert.rejects(session.submit({ ...solid(16, 16, 1), pts: 20, ...change }), expected);
        assert.match(session.errorText(), line);
        session.submitSync({ ...solid(16, 16, 1), pts: 30 });
        await session.close();
    });

test('pixels that are no memory never reach the library', async () => {
    const session = await open();
    for (const data of ['pixels', 7, [1, 2, 3], {}])
        assert.throws(() => session.submitSync({ ...solid(16, 16, 0), data }), { code: 'ERR_INVALID_ARG_TYPE' });
    await session.close();
});

test('a level that the size exceeds is LEVEL', async () => {
    const session = await open({ codec: Codec.H264, level: 10, bitrateKbps: 60 });
    assert.throws(() => session.submitSync(solid(640, 480, 0)), code('LEVEL'));
    await session.close();
});

test('nothing to receive is AGAIN, with no words of an older error', async () => {
    const session = await open();
    assert.throws(() => session.setBitrate(0), code('RANGE'));
    await assert.rejects(session.receive({ timeout: 0 }), { ...code('AGAIN'), message: /^not now/ });
    assert.throws(() => session.params(), { ...code('AGAIN'), message: /^not now/ });
    assert.equal(session.tryReceive(), null);
    await session.close();
});

test('a full queue is AGAIN with Policy.REJECT', async () => {
    const session = await open({ policy: Policy.REJECT, slots: 2, codec: Codec.VP9, speed: 1 });
    assert.throws(() => {
        for (let i = 0; i < 50; i++) session.submitSync(moving(320, 240, i));
    }, code('AGAIN'));
    await session.close();
});

test('a frame that is not encoded in time is TIMEOUT, and comes later', async () => {
    const session = await open({ codec: Codec.VP9, speed: 1, threads: 1 });
    await assert.rejects(session.encode(moving(640, 480, 0), { timeout: 1 }), code('TIMEOUT'));
    assert.equal((await session.receive()).width, 640);
    await session.close();
});

test('a second submit inside the first is BUSY', async () => {
    const session = await open({ codec: Codec.VP9, speed: 1, slots: 2 });
    const submits = [];
    for (let i = 0; i < 8; i++) submits.push(session.submit(moving(320, 240, i)));
    const outcomes = await Promise.allSettled(submits);
    const refused = outcomes.filter(({ status }) => status === 'rejected').map(({ reason }) => reason.code);
    assert.ok(refused.length > 0);
    assert.deepEqual([...new Set(refused)], ['CULVERT_E_BUSY']);
    await session.close();
});

test('a finished session is FINISHED for frames and changes', async () => {
    const session = await open();
    session.finish();
    session.finish();
    assert.throws(() => session.submitSync(solid(16, 16, 0)), code('FINISHED'));
    assert.throws(() => session.requestKeyframe(), code('FINISHED'));
    assert.equal(await session.receive(), null);
    await session.close();
});

test('a closed session is HANDLE for every call', async () => {
    const session = await open();
    await session.close();
    const geometry = { format: Format.BGRA, width: 16, height: 16 };
    const calls = [
        () => session.submitSync(solid(16, 16, 0)), () => session.lease(geometry), () => session.finish(),
        () => session.tryReceive(), () => session.tryPeek(), () => session.fd(), () => session.setBitrate(100),
        () => session.setFramerate(50), () => session.setSpeed(3), () => session.requestKeyframe(),
        () => session.reportLoss(0), () => session.pause(), () => session.resume(), () => session.stats(),
        () => session.params(), () => session.errorText(),
    ];
    for (const call of calls) assert.throws(call, code('HANDLE'), String(call));
    await assert.rejects(session.submit(solid(16, 16, 0)), code('HANDLE'));
    await assert.rejects(session.encode(solid(16, 16, 0)), code('HANDLE'));
    await assert.rejects(session.receive(), code('HANDLE'));
    await assert.rejects(session.peek(), code('HANDLE'));
});

test('sessions are opened by Session.open alone', () => {
    assert.throws(() => new Session(), TypeError);
    assert.throws(() => new Session(Symbol(), 1), TypeError);
});

test('a daemon that is not there is GONE for list and watch too', { skip: endpoint !== '' }, async () => {
    await assert.rejects(list('unix:/nonexistent/culvert').next(), { ...code('GONE'), message: /nonexistent/ });
    await assert.rejects(Session.watch('unix:/nonexistent/culvert', 'game'), code('GONE'));
});

test('an endpoint or a name that C would cut never reaches the library', async () => {
    const [cut, none] = [{ code: 'ERR_OUT_OF_RANGE' }, { code: 'ERR_INVALID_ARG_TYPE' }];
    await assert.rejects(list('unix:/nonexistent\0').next(), cut);
    await assert.rejects(list().next(), none);
    await assert.rejects(Session.watch('unix:/nonexistent\0', 'game'), cut);
    await assert.rejects(Session.watch('unix:/nonexistent', 'game\0'), cut);
    await assert.rejects(Session.watch('unix:/nonexistent'), none);
});
