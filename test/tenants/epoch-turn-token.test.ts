import test from 'ava'
import { epochTurnContract } from '../contracts/epoch-turn.ts'
import { softHsm } from '../support/softhsm.ts'
import { tokenKind } from '../support/turning-partition.ts'

const hsm = softHsm()
test.after.always(() => hsm.remove())

epochTurnContract(test, tokenKind(hsm.token), 'token')
