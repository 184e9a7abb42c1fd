import ava, { type ExecutionContext } from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import type { Partition } from '../../src/partitions/index.ts'
import type { Refusal } from '../contracts/partition.ts'

type Body = (t: ExecutionContext) => unknown

/** What the cases of this process stand on in the place of a software partition for each. */
export interface Ground {
  readonly partition: Partition
  /** Takes a case in the place of ava: one that succeeds, or one that is refused as `expected`. */
  declare(title: string, body: Body, expected?: Refusal): void
}

let ground: Ground | undefined

/** Lets the cases that are declared from now on stand on it. */
export function standOn(chosen: Ground): void {
  ground = chosen
}

/** The partition that benches of this process have unless they bring one; undefined: a software partition each. */
export function groundPartition(): Partition | undefined {
  return ground?.partition
}

/** Whether the cases stand on a token. */
export function onToken(): boolean {
  return ground !== undefined
}

/** A case of the operation suite, which runs on every kind of partition (operation-suite.ts): as ava's. */
export function test(title: string, body: Body): void {
  if (ground === undefined) ava(title, async (t) => void (await body(t)))
  else ground.declare(title, body)
}

/** A case that is refused, and maybe for another reason by a token that lacks what it needs. */
export function refusedTest(title: string, body: Body, expected: Refusal): void {
  if (ground === undefined) ava(title, (t) => refused(t, body, expected))
  else ground.declare(title, body, expected)
}

/** Asserts that a case is refused so. */
export async function refused(t: ExecutionContext, body: Body, expected: Refusal): Promise<void> {
  const error = await t.throwsAsync(async () => body(t), { instanceOf: KmipError })
  t.is(error?.reason, expected.reason, error?.message)
  t.regex(error?.message ?? '', expected.says)
}
