import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { dataFolder } from '../node-files.ts'
import type { Output } from './output.ts'
import { shownPath } from './place.ts'

/** The first lines that `init` and `start` show. */
export function showFolder(output: Output, config: Config, state: string): void {
  const folder = dataFolder(config)
  output.step('data', `${shownPath(folder.root)} (${state})`, { data: folder.root, state })
  const authority = join(folder.authority, 'ca.pem')
  if (!existsSync(authority)) return
  const end = new Date(new X509Certificate(readFileSync(authority)).validTo).toISOString().slice(0, 10)
  output.step('authority', `development CA, valid to ${end}`, { validTo: end })
}
