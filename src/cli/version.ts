import { readFileSync } from 'node:fs'

/** The program's version. Compiled, this file lies three folders below the package's own. */
export const version = (JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { readonly version: string })
  .version
