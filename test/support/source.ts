import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, sep } from 'node:path'

/** One file of the project as text, with what it imports. */
export interface SourceFile {
  /** Relative to the project's folder, with slashes. */
  readonly path: string
  readonly text: string
  /** The project's own files that it imports, types included, as such paths. */
  readonly imports: readonly string[]
  /** Packages and node: modules that it imports. */
  readonly packages: readonly string[]
}

/** Tests run in the project's folder. */
export const projectRoot = process.cwd()

const importPattern =
  /(?:^|\n)\s*(?:import|export)\b[^'"\n;]*?(?:\{[^}]*\}[^'"\n;]*?)?from\s+'([^']+)'|(?:^|\n)\s*import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/g

/** Every TypeScript file under the given folders. */
export function readSources(...folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) => typescriptFiles(folder)).map(readSource)
}

function typescriptFiles(folder: string): string[] {
  return readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => join(folder, name).split(sep).join('/'))
    .sort()
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(projectRoot, path), 'utf8')
  const names = [...text.matchAll(importPattern)].map((match) => (match[1] ?? match[2] ?? match[3]) as string)
  const own = names
    .filter((name) => name.startsWith('.'))
    .map((name) =>
      normalize(join(dirname(path), name))
        .split(sep)
        .join('/'),
    )
  return { path, text, imports: own, packages: names.filter((name) => !name.startsWith('.')) }
}
