import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventLine, type History } from '../support/history.ts'
import type { KeyViolation } from './judge.ts'
import type { KeyInput } from './key-model.ts'

/** A violation as text: what is wrong, and the few operations that show it. */
export function violationText({ key, what, excerpt }: KeyViolation): string {
  return [`${key}: ${what}`, ...excerpt.map(eventLine)].join('\n')
}

/**
 * Writes the whole history, an operation a line of JSON, and what is wrong in it, for whoever looks into it.
 * @returns the folder, which is new, with history.jsonl and violations.txt
 */
export function writeViolations(seed: number, history: History<KeyInput>, violations: readonly KeyViolation[]): string {
  const folder = mkdtempSync(join(tmpdir(), `tresor-chaos-${seed}-`))
  writeFileSync(join(folder, 'history.jsonl'), history.events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  writeFileSync(join(folder, 'violations.txt'), violations.map((violation) => `${violationText(violation)}\n\n`).join(''))
  return folder
}
