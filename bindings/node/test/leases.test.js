import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Codec, Format } from 'culvert';
import { code, open, openPixels, planes, until } from './kit.js';

const geometry = { format: Format.I420, width: 16, height: 16 };
const SIZE = (16 * 16 * 3) / 2;

test('what was written into a lease is the picture', async () => {
    const session = await openPixels();
    for (const [commit, most] of [['commit', 199], ['commitSync', 211]]) {
        const lease = session.lease(geometry);
        assert.equal(lease.size, SIZE);
        const pixels = Buffer.from(Uint8Array.from({ length: SIZE }, (_, i) => i % most));
        lease.write(pixels.subarray(0, 100));
        lease.write(new DataView(pixels.buffer, pixels.byteOffset + 100, SIZE - 100), 100);
        await lease[commit]();
        pixels.fill(0);
        const [y, u, v] = planes(await session.receive());
        assert.deepEqual([...y, ...u, ...v], Array.from({ length: SIZE }, (_, i) => i % most));
    }
    await session.close();
});

test('a lease is used no more once it was committed or abandoned', async () => {
    const session = await open();
    for (const end of [(lease) => lease.commit(), (lease) => lease.commitSync(), (lease) => lease.abandon()]) {
        const lease = session.lease(geometry);
        await end(lease);
        assert.throws(() => lease.write(Buffer.alloc(1)), code('HANDLE'));
        assert.throws(() => lease.commitSync(), code('HANDLE'));
        await assert.rejects(lease.commit(), code('HANDLE'));
        lease.abandon();
    }
    await session.close();
});

test('a lease is used by nobody else while it is committed', async () => {
    const session = await open();
    const lease = session.lease(geometry);
    const committed = lease.commit();
    assert.throws(() => lease.write(Buffer.alloc(1)), code('BUSY'));
    assert.throws(() => lease.abandon(), code('BUSY'));
    await committed;
    await session.close();
});

test('nothing is written beyond a lease', async () => {
    const session = await open();
    const lease = session.lease(geometry);
    assert.throws(() => lease.write(Buffer.alloc(SIZE + 1)), code('BUFFER'));
    assert.throws(() => lease.write(Buffer.alloc(2), SIZE - 1), code('BUFFER'));
    assert.throws(() => lease.write(Buffer.alloc(1), -1), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => lease.write('text'), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => (lease.size = SIZE + 1), TypeError);
    lease.write(Buffer.alloc(2), SIZE - 2);
    lease.abandon();
    await session.close();
});

test('a commit that is refused leaves the lease as it was', async () => {
    const session = await openPixels();
    const lease = session.lease(geometry);
    lease.write(Buffer.alloc(SIZE, 7));
    assert.throws(() => lease.commitSync({ rotation: 1 }), code('ARGUMENT'));
    await assert.rejects(lease.commit({ rotation: 1 }), code('ARGUMENT'));
    lease.commitSync({ pts: 5 });
    assert.equal((await session.receive()).data[32], 7);
    await session.close();
});

test('five at once are too many', async () => {
    const session = await open();
    const leases = [1, 2, 3, 4].map(() => session.lease(geometry));
    assert.throws(() => session.lease(geometry), { ...code('LIMIT'), message: /^too many/ });
    leases[2].abandon();
    session.lease(geometry).abandon();
    await session.close();
});

test('bad geometry is refused in the library’s words', async () => {
    const session = await open();
    assert.throws(() => session.lease({ ...geometry, format: 88 }), { ...code('ARGUMENT'), message: /88/ });
    assert.throws(() => session.lease({ ...geometry, width: 20000 }), code('SIZE'));
    assert.throws(() => session.lease({}), { code: 'ERR_INVALID_ARG_TYPE' });
    await session.close();
});

test('a lease outlives its session, and is then given back', async () => {
    const session = await open();
    const [one, other] = [session.lease(geometry), session.lease(geometry)];
    await session.close();
    one.write(Buffer.alloc(SIZE, 1));
    assert.throws(() => one.commitSync(), code('HANDLE'));
    assert.throws(() => one.write(Buffer.alloc(1)), code('HANDLE'));
    other.abandon();
});

test('leases that are dropped are given back', async () => {
    const session = await open({ codec: Codec.NULL });
    for (let i = 0; i < 4; i++) session.lease(geometry);
    let leases = [];
    await until(() => {
        gc();
        try {
            while (leases.length < 4) leases.push(session.lease(geometry));
        } catch (error) {
            assert.equal(error.code, 'CULVERT_E_LIMIT');
        }
        return leases.length === 4;
    });
    leases.forEach((lease) => lease.abandon());
    await session.close();
});
