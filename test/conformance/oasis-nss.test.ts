import test from 'ava'
import { nssTokens } from '../support/nss-softokn.ts'
import { passButListed } from '../support/oasis-token.ts'
import { onNss } from './waiting-nss.ts'

test("OASIS's cases with all keys in a token of NSS: they pass as on a software partition, but those that are listed", (t) =>
  passButListed(t, nssTokens(['token']), onNss))
