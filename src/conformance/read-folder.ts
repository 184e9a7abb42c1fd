import { readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { readTestCase, type TestCase } from './test-case.ts'

/** A file that is no case, with why. */
export interface UnreadableCase {
  readonly name: string
  readonly problem: string
}

/**
 * Every XML case below a folder whose version the server can speak.
 * @param versions of KMIP, as `1.4`
 */
export function readFolder(
  folder: string,
  versions: ReadonlySet<string>,
): { readonly cases: readonly TestCase[]; readonly unreadable: readonly UnreadableCase[] } {
  const cases: TestCase[] = []
  const unreadable: UnreadableCase[] = []
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!path.endsWith('.xml')) continue
    const name = path.split(sep).join('/')
    try {
      const testCase = readTestCase(name, readFileSync(join(folder, path), 'utf8'))
      if (versions.has(testCase.version)) cases.push(testCase)
    } catch (error) {
      unreadable.push({ name, problem: (error as Error).message })
    }
  }
  return { cases, unreadable }
}
