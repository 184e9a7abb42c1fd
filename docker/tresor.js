#!/usr/bin/env node
// The command in the image: the compiled program alone, where bin/tresor.js would look for sources to compile.
import { main } from './build/src/cli/main.js'

// Who reads the output may stop reading, as `head` does: no fault.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error
})
process.exitCode = await main(process.argv.slice(2))
