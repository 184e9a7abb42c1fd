import { main } from '../../src/cli/main.ts'

/** The command line as a program of its own, for tests; `npx tresor` adds the check that it is built. */
process.exitCode = await main(process.argv.slice(2))
