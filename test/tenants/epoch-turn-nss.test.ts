import test from 'ava'
import { epochTurnContract } from '../contracts/epoch-turn.ts'
import { nssTokens } from '../support/nss-softokn.ts'
import { rsaPair, tokenKind } from '../support/turning-partition.ts'

/** One for each case; NSS is told of all at its start. */
const most = 12
const nss = nssTokens(Array.from({ length: most }, (_, index) => `nss-${index + 1}`))
test.after.always(() => nss.remove())

// It keeps no curves' keys.
epochTurnContract(test, tokenKind(nss.token, [rsaPair]), 'nss')
