import { createPkcs11Partition, openPkcs11Partition, type Partition } from '../../src/partitions/index.ts'
import { nssToken } from './nss-softokn.ts'
import { softHsm } from './softhsm.ts'

/** A partition on a token that goes away with its folder. */
export interface TokenPartition {
  readonly partition: Partition
  remove(): Promise<void>
}

/** The modules that suites run on beside software partitions. Each takes its folder when it is loaded: one kind for each process. */
export const tokenKinds = {
  SoftHSM: async (): Promise<TokenPartition> => {
    const hsm = softHsm()
    return opened(hsm.token('suite'), hsm.remove)
  },
  NSS: async (): Promise<TokenPartition> => {
    const nss = nssToken('suite')
    return opened(nss.options, nss.remove)
  },
} as const

export type TokenKind = keyof typeof tokenKinds

async function opened(token: { module: string; token: string; pinFile: string; parameters?: string }, removeFolder: () => void) {
  const options = { name: 'suite', ...token }
  await createPkcs11Partition(options)
  const partition = await openPkcs11Partition(options)
  return {
    partition,
    remove: async () => {
      await partition.close()
      removeFolder()
    },
  }
}
