#!/usr/bin/env node
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { prepare, root } from './prepare.js'

prepare((what, state) => process.stderr.write(`  ${what.padEnd(12)}${state}\n`))
const { main } = await import(pathToFileURL(join(root, 'build', 'src', 'cli', 'main.js')).href)
// Who reads the output may stop reading, as `head` does: no fault.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error
})
process.exitCode = await main(process.argv.slice(2))
