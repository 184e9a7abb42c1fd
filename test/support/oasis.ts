import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Where OASIS's cases and messages lie: next to the project, never inside it. */
export const oasisFolder = resolve(process.env.TRESOR_OASIS ?? '../shared/oasis')

export const hasOasis = existsSync(oasisFolder)

export const oasisAbsent = `OASIS's cases are not at ${oasisFolder}: nothing of them was checked. Set TRESOR_OASIS to the folder that has v1.0 ... v3.0 and wire.`

export interface WireMessage {
  readonly name: string
  readonly hex: string
  readonly xml?: string
  readonly json?: string
}

/** Every official message that is printed as bytes, with its XML and JSON where those are printed too. */
export function wireMessages(): WireMessage[] {
  const messages: WireMessage[] = []
  const useCases = readJson('kmip-1.0-usecases.json') as { pairs: { id: string; request?: string; response?: string }[] }
  for (const { id, request, response } of useCases.pairs) {
    if (request) messages.push({ name: `1.0 use case ${id} request`, hex: request })
    if (response) messages.push({ name: `1.0 use case ${id} response`, hex: response })
  }
  const testCases = readJson('kmip-1.1-testcases.json') as { messages: { section: string; kind: string; line: number; ttlv_hex: string }[] }
  for (const { section, kind, line, ttlv_hex: hex } of testCases.messages) {
    messages.push({ name: `1.1 test case ${section} ${kind} (line ${line})`, hex })
  }
  const encodings = readJson('msgenc-1.0-1.1-1.2.json') as {
    messages: { case: string; message: number; ttlv_hex: string; xml: string; json?: string }[]
  }
  for (const { case: id, message, ttlv_hex: hex, xml, json } of encodings.messages) {
    messages.push({ name: `${id} message ${message}`, hex, xml, ...(json === undefined ? {} : { json }) })
  }
  return messages
}

/** The XML cases of every version, by their path below the folder. */
export function caseFiles(): { name: string; text: string }[] {
  return ['v1.0', 'v1.4', 'v2.1', 'v3.0'].flatMap((version) =>
    (readdirSync(join(oasisFolder, version), { recursive: true }) as string[])
      .filter((name) => name.endsWith('.xml'))
      .sort()
      .map((name) => ({ name: `${version}/${name}`, text: readFileSync(join(oasisFolder, version, name), 'utf8') })),
  )
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(join(oasisFolder, 'wire', name), 'utf8'))
}
