import { readFile } from 'node:fs/promises'
import { parseDocument } from 'yaml'
import { ConfigError } from './config-errors.ts'

/** Reads a YAML file; an empty one says nothing. @throws ConfigError with the line of each mistake. */
export async function readYaml(file: string, name: string): Promise<unknown> {
  const document = parseDocument(await readFile(file, 'utf8'), { prettyErrors: true })
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.map(
        (error) => `${name}:${error.linePos?.[0].line ?? 1}: ${error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:$/, '')}`,
      ),
    )
  }
  return document.toJS() ?? {}
}
