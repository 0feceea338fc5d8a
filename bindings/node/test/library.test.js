import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import * as culvert from 'culvert';
import { CulvertError, Codec, LogSeverity } from 'culvert';
import { ERRORS } from '../lib/header.js';
import { native } from '../lib/native.js';
import { code, open } from './kit.js';

test('the package has the version of the library', async () => {
    const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url)));
    assert.equal(culvert.version, version);
});

test('every error has the name and the text that the library gives it', () => {
    assert.ok(ERRORS.length >= 20);
    for (const [name, number, text] of ERRORS) {
        assert.equal(native.culvert_error_name(number), name);
        assert.equal(native.culvert_strerror(number), text);
        const error = new CulvertError(number);
        assert.ok(error instanceof Error);
        assert.deepEqual([error.name, error.code, error.message], ['CulvertError', name, text]);
    }
});

test('an error that is newer than the binding keeps what the library says of it', () => {
    assert.equal(new CulvertError(-9999).message, 'unknown error');
});

test('the library says which codecs it has', () => {
    assert.equal(culvert.hasCodec(Codec.NULL), true);
    assert.equal(culvert.hasCodec(99), false);
    assert.match(culvert.codecVersion(Codec.NULL), /null codec/);
    assert.throws(() => culvert.codecVersion(99), code('UNSUPPORTED'));
});

test('the defaults are those of the header', () => {
    const config = culvert.configDefaults();
    assert.equal(config.bitrateKbps, 4000);
    assert.equal(config.maxHeight, 1088);
    assert.equal(config.name, 'session');
    assert.equal(config.fpsNum, 0);
    assert.ok(!('size' in config) && !('reserved' in config));
});

test('the defaults open a session when they have a frame rate', async () => {
    const session = await culvert.Session.open({ ...culvert.configDefaults(), fpsNum: 50, fpsDen: 1 });
    assert.equal(session.stats().fpsNum, 50);
    await session.close();
});

test('the log tells of a session, line by line', async () => {
    culvert.setLogLevel(LogSeverity.INFO);
    while (culvert.readLogLine() !== null);
    await (await open({ name: 'überlog' })).close();
    const lines = [];
    for (let line; (line = culvert.readLogLine()) !== null; ) lines.push(line);
    assert.ok(lines.some((line) => line.includes('überlog')), lines.join('\n'));
});

test('a severity that there is not is refused', () => {
    assert.throws(() => culvert.setLogLevel(5), code('RANGE'));
    assert.throws(() => culvert.setLogLevel('debug'), { code: 'ERR_INVALID_ARG_TYPE' });
});
