import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

/** The Python that has the packages of test/interop/requirements.txt; TRESOR_PYTHON names another one. */
const interpreter = process.env.TRESOR_PYTHON ?? resolve('build/.python/bin/python')

/**
 * Runs a script of test/interop and reads the JSON that it prints.
 * @throws Error with the script's own words when it fails, and with what to do when the Python is not there.
 */
export async function runPython(script: string, args: readonly string[]): Promise<unknown> {
  return JSON.parse(await python([resolve('test', 'interop', script), ...args]))
}

/** Runs Python with the arguments, in a folder, and gives back what it printed. @throws as runPython does. */
export async function python(args: readonly string[], folder = '.'): Promise<string> {
  if (!existsSync(interpreter)) {
    throw new Error(
      `The Python with third-party KMIP clients is not at ${interpreter}. \`npm test\` makes it; TRESOR_PYTHON names another.`,
    )
  }
  const { code, output, complaints } = await run(interpreter, ['-B', ...args], { cwd: folder })
  if (code !== 0) throw new Error(`${args[0]} failed (exit code ${code}).\n${complaints}\nWhat it printed: ${output}`)
  return output
}

/** Runs a program to its end, for at most 100 seconds. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<{ readonly code: number | null; readonly output: string; readonly complaints: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], timeout: 100_000 })
    let output = ''
    let complaints = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints += text
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output, complaints }))
  })
}
