// Three nodes, a tenant on an HSM token, a third-party client: npm run demo.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { prepare, root } from './prepare.js'

const json = process.argv.includes('--json')
const say = (what, state) => process.stdout.write(json ? `${JSON.stringify({ event: what, state })}\n` : `  ${what.padEnd(12)}${state}\n`)

prepare(say)
const { main } = await import(pathToFileURL(join(root, 'build', 'src', 'cli', 'main.js')).href)
process.exitCode = await main(['demo', ...process.argv.slice(2)])
