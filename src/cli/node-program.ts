import { main } from './main.ts'

/** The command line in a process that belongs to another one (`NodeProcess`): it ends when that one is gone. */
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.channel?.unref()
process.exitCode = await main(process.argv.slice(2))
