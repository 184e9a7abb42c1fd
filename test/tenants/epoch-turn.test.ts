import test from 'ava'
import { epochTurnContract } from '../contracts/epoch-turn.ts'
import { softwareKind } from '../support/turning-partition.ts'

epochTurnContract(test, softwareKind(), 'software')
