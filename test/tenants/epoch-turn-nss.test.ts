import test from 'ava'
import { epochTurnContract } from '../contracts/epoch-turn.ts'
import { nssTokens } from '../support/nss-softokn.ts'
import { rsaPair, tokenKind } from '../support/turning-partition.ts'

const nss = nssTokens([1, 2, 3, 4, 5].map((number) => `nss-${number}`))
test.after.always(() => nss.remove())

// It keeps no curves' keys.
epochTurnContract(test, tokenKind(nss.token, [rsaPair]), 'nss')
