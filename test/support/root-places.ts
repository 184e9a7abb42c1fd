import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './command-line.ts'
import { softHsm } from './softhsm.ts'

/** Where root secrets may come from in tests: a folder with a passphrase's file, and a token. */
export function rootPlaces() {
  const hsm = softHsm()
  const folder = temporaryFolder()
  /** A file of the folder that its owner alone may read. */
  const file = (name: string, text: string) => {
    const path = join(folder.path, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  return {
    folder,
    file,
    words: file('words', 'six words that nobody has guessed\n'),
    ...hsm.token('root'),
    remove: () => {
      folder.remove()
      hsm.remove()
    },
  }
}
