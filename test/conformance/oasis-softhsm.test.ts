import test from 'ava'
import { passButListed } from '../support/oasis-token.ts'
import { softHsm } from '../support/softhsm.ts'
import { onSoftHsm } from './waiting-softhsm.ts'

test("OASIS's cases with all keys in a SoftHSM token: they pass as on a software partition, but those that are listed", (t) =>
  passButListed(t, softHsm(), onSoftHsm))
