import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { ledgerFolder } from '../support/ledger-process.ts'

const script = fileURLToPath(new URL('../support/full-disk-child.js', import.meta.url))

test('a disk that takes no more: refused with the cure, nothing half done, and on again when there is room', async (t) => {
  const { directory, remove } = await ledgerFolder()
  // A file that may not grow past 4 MiB fails like a full disk, without needing one. The signal would end the process.
  const limited = `trap '' XFSZ; ulimit -f 4096; exec "$0" "$@"`
  const { stdout } = await promisify(execFile)('bash', ['-c', limited, process.execPath, script, directory], { timeout: 60_000 })
  const met = JSON.parse(stdout)
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
