import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { ledgerFolder } from '../support/ledger-process.ts'

const program = (name: string) => fileURLToPath(new URL(`../support/${name}.js`, import.meta.url))

/** A file that may not grow past 4 MiB fails like a full disk, without needing one. The signal would end the process. */
async function underLimit(name: string, directory: string) {
  const limited = `trap '' XFSZ; ulimit -f 4096; exec "$0" "$@"`
  const { stdout } = await promisify(execFile)('bash', ['-c', limited, process.execPath, program(name), directory], { timeout: 60_000 })
  return JSON.parse(stdout)
}

test('a disk that takes no more: refused with the cure, nothing half done, and on again when there is room', async (t) => {
  const { directory, remove } = await ledgerFolder()
  const met = await underLimit('full-disk-child', directory)
  t.true(met.acknowledged > 100)
  t.is(met.refusal.name, 'KmipError')
  t.is(met.refusal.reason, 'GeneralFailure')
  t.regex(met.refusal.message, /^Nothing was changed: .* cannot be written \(.*\); look for disk errors/)
  t.regex(met.problem, /cannot be written/)
  t.is(met.stored, 2 * met.acknowledged)
  t.is(met.found, met.stored)
  t.is(met.after, 'committed')
  t.is(met.problemAfter, null)
  await remove()
})

test('a replica whose disk takes no more keeps what it has, says so, and goes on from there', async (t) => {
  const { directory, remove } = await ledgerFolder()
  const met = await underLimit('full-disk-replica-child', directory)
  t.regex(met.message, /cannot be written \(.*\); look for disk errors/)
  t.true(met.expected > 50)
  t.is(met.reached, met.expected)
  t.is(met.held, met.expected)
  t.is(met.after, 'stored')
  t.is(met.reachedAfter, met.expected + 1)
  await remove()
})
