import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { prepare, root } from './prepare.js'

const json = process.argv.includes('--json')
const say = (what, state) => process.stdout.write(json ? `${JSON.stringify({ event: what, state })}\n` : `  ${what.padEnd(12)}${state}\n`)

prepare(say)
// npm's shell does not always hand signals on: what npm started ends when npm does.
const parent = process.ppid
if (process.env.npm_lifecycle_event !== undefined) {
  setInterval(() => process.ppid !== parent && process.kill(process.pid, 'SIGTERM'), 500).unref()
}
const { main } = await import(pathToFileURL(join(root, 'build', 'src', 'cli', 'main.js')).href)
process.exitCode = await main(['start', ...process.argv.slice(2)])
