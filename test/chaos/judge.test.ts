import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { type Event, History } from '../support/history.ts'
import { type JudgeOptions, judge } from './judge.ts'
import { type Key, type KeyInput, keyModel } from './key-model.ts'
import { Random } from './random.ts'
import { writeViolations } from './violation-files.ts'

type KeyEvent = Event<KeyInput>

function event(
  what: KeyInput | KeyInput['do'],
  invoked: number,
  completed: number,
  answer: string | undefined,
  more: Partial<KeyEvent> = {},
): KeyEvent {
  const input = typeof what === 'string' ? ({ do: what } as KeyInput) : what
  const outcome = answer === undefined ? 'unknown' : 'answered'
  return { key: 'k', input, node: 0, invoked, completed, outcome, freshness: 0, answer, words: undefined, ...more }
}

function judged(events: readonly KeyEvent[], options?: JudgeOptions) {
  const history = new History<KeyInput>()
  for (const each of events) history.add(each)
  return judge(history, options)
}

/** A key's whole life, every answer as it must be, with much between the changes. */
function life(random: Random): KeyEvent[] {
  let key: Key = keyModel.initial
  let now = 0
  const looks = ['Encrypt', 'Decrypt', 'Get', 'GetAttributes', 'Locate'] as const
  const ask = (what: KeyInput['do']): KeyEvent => {
    const { answer, next } = keyModel.step(key, { do: what } as KeyInput)
    key = next
    now += 10
    return event(what, now, now + 5, answer, { node: Math.floor(random.between(0, 3)) })
  }
  return (['Create', 'Activate', 'Revoke', 'Destroy'] as const).flatMap((change) => [
    ask(change),
    ...Array.from({ length: 20 }, () => ask(random.of(looks))),
  ])
}

const at = 10_000
for (const [name, wrong, plain] of [
  ['a use after Destroy', event('Decrypt', at, at + 1, 'done'), 'a use sent after its Destroy was answered succeeded'],
  ['an Encrypt after Revoke', event('Encrypt', at, at + 1, 'done'), 'an Encrypt sent after its Revoke was answered succeeded'],
  ['a key that came back', event('Locate', at, at + 1, 'found'), 'a destroyed key came back'],
  ['a key that is lost', event('GetAttributes', at, at + 1, 'ObjectNotFound'), 'a key whose Create was answered is not there'],
] as const)
  test(`${name} is told by the search, by the plain look, and in few operations`, (t) => {
    const events = [...life(new Random(1)), wrong]
    t.deepEqual(judged(events.slice(0, -1)), [])
    const violations = judged(events)
    t.true(
      violations.some(({ what }) => what === plain),
      JSON.stringify(violations),
    )
    const [first] = violations
    t.regex(first?.what ?? '', new RegExp(`^${wrong.input.do} was answered "${wrong.answer}", and the key can only have been "`))
    t.true(first!.excerpt.length <= 5, JSON.stringify(first!.excerpt))
    t.true(first!.excerpt.some(({ input, answer }) => input.do === wrong.input.do && answer === wrong.answer))
    // The excerpt alone shows it.
    t.is(judged(first!.excerpt)[0]?.what.split(',')[0], first!.what.split(',')[0])
  })

test('an answer may be as old as its tenant allows, not older; what changes something, and what the same node changed, is never old', (t) => {
  const freshness = 100
  const life = [event('Create', 0, 1, 'done'), event('Activate', 2, 3, 'done'), event('Revoke', 4, 5, 'done', { freshness })]
  const later = (what: KeyInput['do'], invoked: number, answer: string, node: number) =>
    judged([...life, event(what, invoked, invoked + 1, answer, { freshness, node })]).length
  t.is(later('Encrypt', 100, 'done', 1), 0)
  t.is(later('Decrypt', 50, 'WrongKeyLifecycleState', 1), 0, 'it was Pre-Active a moment ago')
  t.not(later('Encrypt', 110, 'done', 1), 0, 'older than that')
  t.not(later('Decrypt', 110, 'WrongKeyLifecycleState', 1), 0)
  t.not(later('Revoke', 6, 'done', 1), 0, 'a change upon an old state')
  t.not(later('Encrypt', 100, 'done', 0), 0, 'the node that revoked it')
})

test('more uses than allowed are told, and a use without an answer is not held against anybody', (t) => {
  const uses = (answers: readonly (string | undefined)[]) => [
    event({ do: 'CreateLimited', uses: 2 }, 0, 1, 'done'),
    ...answers.map((answer, index) => event('Encrypt', 2 + index, 10 + index, answer)),
  ]
  t.true(judged(uses(['done', 'done', 'done'])).some(({ what }) => what === '3 uses of 2 were answered'))
  t.deepEqual(judged(uses(['done', undefined, 'done'])), [])
  t.deepEqual(judged(uses(['done', undefined, 'PermissionDenied'])), [])
  t.not(judged(uses(['done', 'PermissionDenied'])).length, 0)
})

test('what had no effect, and a look without an answer, prove nothing', (t) => {
  const nothing = { outcome: 'nothing' } as const
  const made = event('Create', 0, 1, 'done')
  t.deepEqual(judged([made, event('Activate', 2, 3, undefined, nothing), event('GetAttributes', 4, 5, 'PreActive')]), [])
  t.deepEqual(judged([made, event('Activate', 2, 3, undefined), event('GetAttributes', 4, 5, 'Active')]), [])
  t.is(judged([made, event('Activate', 2, 3, undefined, nothing), event('GetAttributes', 4, 5, 'Active')]).length, 1)
})

test('keys are judged apart, those alone that were asked since, and with what is under way', (t) => {
  const one = [event('Create', 0, 1, 'done'), event('Get', 2, 3, 'ObjectNotFound')]
  const other = [event('Create', 4, 5, 'done', { key: 'other' }), event('Encrypt', 6, 7, 'done', { key: 'other' })]
  t.deepEqual([...new Set(judged([...one, ...other]).map(({ key }) => key))], ['k', 'other'])
  t.deepEqual([...new Set(judged([...one, ...other], { since: 2 }).map(({ key }) => key))], ['other'])
  const pending = [event('Activate', 5, Number.POSITIVE_INFINITY, undefined, { key: 'other' })]
  t.deepEqual(judged([...one, ...other], { since: 2, pending }), [])
})

test('a violation is written to a folder, with the history', (t) => {
  const history = new History<KeyInput>()
  for (const each of [event('Create', 0, 1, 'done'), event('Get', 2, 3, 'ObjectNotFound')]) history.add(each)
  const folder = writeViolations(7, history, judge(history))
  t.teardown(() => rmSync(folder, { recursive: true }))
  t.is(readFileSync(join(folder, 'history.jsonl'), 'utf8').trimEnd().split('\n').length, 2)
  t.regex(
    readFileSync(join(folder, 'violations.txt'), 'utf8'),
    /^k: Get was answered "ObjectNotFound".*\n.*node-1 .*Create.*\n.*node-1 .*Get/,
  )
})
