import { readdirSync } from 'node:fs'
import test from 'ava'
import { temporaryFolder, tresor } from '../support/command-line.ts'

/** Where it makes its own folders: others use this machine's folder for temporary files at the same time. */
const folder = temporaryFolder()
test.after.always(() => folder.remove())

test('the demonstration goes through its steps, and leaves nothing behind', async (t) => {
  const { code, stdout, stderr } = await tresor(['demo', '--json'], { env: { ...process.env, TMPDIR: folder.path } })
  t.is(code, 0, stderr)
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly event: string; readonly node?: number; readonly text?: string })
  t.deepEqual(
    events.map(({ event, node }) => (node === undefined ? event : `${event} at ${node}`)),
    [
      ...['node-1', 'node-2', 'node-3', 'token', 'tenant', 'partition', 'client'],
      ...['create at 1', 'activate at 1', 'get at 2', 'encrypt at 3', 'compare', 'killed at 2', 'revoke at 1', 'destroy at 1'],
      ...['encrypt at 3', 'get at 3', 'restart at 2', 'encrypt at 2', 'done'],
    ],
  )
  t.is(events.filter(({ text }) => text?.includes('refused, as it must be')).length, 3)
  t.deepEqual(readdirSync(folder.path), [])
})
