import { createPkcs11Partition, type TokenOptions } from '../../src/partitions/index.ts'

/** Makes a partition's keys as soon as it is told which, and says how that went. */
process.on('message', (options: TokenOptions) => {
  make(options).then(
    () => process.send?.('made'),
    (error: Error) => process.send?.(error.message),
  )
})
process.once('disconnect', () => process.exit())
process.send?.('ready')

/** SoftHSM writes a token's file at each login: another process that loads the module or logs in at that moment may not be able to read it. */
async function make(options: TokenOptions): Promise<void> {
  for (let logins = 1; ; logins++) {
    try {
      return await createPkcs11Partition(options)
    } catch (error) {
      if (logins === 50 || !/at opening the token: CKR_GENERAL_ERROR| has no token /.test((error as Error).message)) throw error
    }
  }
}
