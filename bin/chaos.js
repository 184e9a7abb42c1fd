import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { prepare, root } from './prepare.js'

process.chdir(root)
prepare((what, state) => process.stderr.write(`  ${what.padEnd(12)}${state}\n`))
await import(pathToFileURL(join(root, 'build', 'test', 'chaos', 'main.js')).href)
