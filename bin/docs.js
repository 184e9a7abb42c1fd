#!/usr/bin/env node
// Writes the pages of docs/ that are made from the code; run it after a build.
import { writeFile } from 'node:fs/promises'
import { commands } from '../build/src/cli/commands.js'
import { describeCommands } from '../build/src/cli/help.js'
import { describeConfig } from '../build/src/config-docs.js'
import { describeKmip } from '../build/src/kmip-docs.js'

await writeFile(new URL('../docs/configuration.md', import.meta.url), describeConfig())
await writeFile(new URL('../docs/commands.md', import.meta.url), describeCommands(commands))
await writeFile(new URL('../docs/kmip.md', import.meta.url), describeKmip())
