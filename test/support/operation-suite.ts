import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ava, { type ExecutionContext } from 'ava'
import type { Refusal } from '../contracts/partition.ts'
import { refused, standOn } from './operation-test.ts'
import { type TokenKind, tokenKinds } from './token-kinds.ts'

const folder = new URL('../operations/', import.meta.url)

interface Case {
  readonly body: (t: ExecutionContext) => unknown
  readonly expected: Refusal | undefined
}

/**
 * Declares every case of test/operations once more, on a token of this kind. A case must come out there as it does on a software partition, or be
 * refused as the list says, by its file and title.
 */
export async function operationSuite(kind: TokenKind, refusals: Readonly<Record<string, Refusal>>): Promise<void> {
  const token = await tokenKinds[kind]()
  const cases = new Map<string, Case>()
  for (const file of suiteFiles()) {
    const name = file.replace('.test.js', '')
    standOn({ partition: token.partition, declare: (title, body, expected) => cases.set(`${name}: ${title}`, { body, expected }) })
    await import(new URL(file, folder).href)
  }
  // ava wants all of a file declared in one turn.
  for (const [title, { body, expected }] of cases) {
    const refusal = refusals[title] ?? expected
    ava(title, async (t) => void (await (refusal === undefined ? body(t) : refused(t, body, refusal))))
  }
  ava('a refusal that is listed is one of a case', (t) =>
    t.deepEqual(
      Object.keys(refusals).filter((title) => !cases.has(title)),
      [],
    ),
  )
  ava.after.always(() => token.remove())
}

/** Those whose cases are declared through operation-test.ts. */
function suiteFiles(): string[] {
  const source = (file: string) => readFileSync(fileURLToPath(new URL(file, folder)), 'utf8')
  return readdirSync(fileURLToPath(folder)).filter(
    (file) => file.endsWith('.test.js') && source(file).includes('support/operation-test.js'),
  )
}
