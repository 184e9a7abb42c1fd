import test from 'ava'
import { residentDeriveContract } from '../contracts/partition-resident-derive.ts'
import { type TokenPartition, tokenKinds } from '../support/token-kinds.ts'

let token: TokenPartition | undefined
test.after.always(() => token?.remove())

residentDeriveContract(test, async () => {
  token = await tokenKinds.SoftHSM()
  return token.partition
}, ['DERIVE-ECDH', 'DERIVE-ENCRYPT-AES-CBC', 'DERIVE-ENCRYPT-DES3-CBC'])
