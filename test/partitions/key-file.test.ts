import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { createKeyFile, readKeyFile } from '../../src/partitions/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'tresor-key-file-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

test('a key file is made for its owner alone, and read back', (t) => {
  const path = join(folder, 'root.key')
  const made = createKeyFile(path)
  t.is(statSync(path).mode & 0o777, 0o600)
  t.deepEqual(readKeyFile(path).expose(), made.expose())
  t.is(made.length, 32)
})

test('a key file is never overwritten', (t) => {
  const path = join(folder, 'kept.key')
  const made = createKeyFile(path)
  t.regex(t.throws(() => createKeyFile(path))?.message ?? '', /kept\.key is there already/)
  t.deepEqual(readKeyFile(path).expose(), made.expose())
})

test('a key file that others may read is refused, with the cure', (t) => {
  const path = join(folder, 'open.key')
  createKeyFile(path)
  for (const mode of [0o644, 0o640, 0o604]) {
    chmodSync(path, mode)
    t.is(t.throws(() => readKeyFile(path))?.message, `${path} is readable by others (mode 0${mode.toString(8)}); run: chmod 600 ${path}`)
  }
})

test('a missing or broken key file is named', (t) => {
  t.regex(t.throws(() => readKeyFile(join(folder, 'none.key')))?.message ?? '', /none\.key is not there/)
  const path = join(folder, 'short.key')
  writeFileSync(path, 'abcdef', { mode: 0o600 })
  const message = t.throws(() => readKeyFile(path))?.message ?? ''
  t.regex(message, /short\.key is not a key file/)
  t.false(message.includes('abcdef'))
})
