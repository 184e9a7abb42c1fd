import test from 'ava'
import { residentDeriveContract } from '../contracts/partition-resident-derive.ts'
import { type TokenPartition, tokenKinds } from '../support/token-kinds.ts'

let token: TokenPartition | undefined
test.after.always(() => token?.remove())

residentDeriveContract(test, async () => {
  token = await tokenKinds.NSS()
  return token.partition
}, ['DERIVE-ECDH', ...['SHA_1', 'SHA_224', 'SHA_256', 'SHA_384', 'SHA_512'].map((hash) => `DERIVE-HASH-${hash}`), 'DERIVE-ENCRYPT-AES-CBC'])
