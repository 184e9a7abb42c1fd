import { readFileSync } from 'node:fs'
import test from 'ava'
import { commands } from '../../src/cli/commands.ts'
import { describeCommands } from '../../src/cli/help.ts'
import { tresor } from '../support/command-line.ts'

/** Command lines that are not understood: exit code 2. */
const mistakes: readonly (readonly [args: readonly string[], problem: string])[] = [
  [['frobnicate'], 'tresor: there is no command frobnicate; tresor help lists the commands\n'],
  [['--data', 'x', 'frobnicate'], 'tresor: there is no command frobnicate; tresor help lists the commands\n'],
  [['--frobnicate'], 'tresor: --frobnicate stands without a command; tresor help lists the commands\n'],
  [['--data'], 'tresor: --data stands without a command; tresor help lists the commands\n'],
  [['key'], 'tresor: key what? There are: key list, key show, key give-up. See: tresor help key\n'],
  [['tenant', 'show'], 'tresor: usage: tresor tenant show NAME\n'],
  [['tenant', 'list', 'all'], 'tresor: usage: tresor tenant list\n'],
  [
    ['client', 'create', '--name', 'k', '--server', 'here'],
    'tresor: --server: "here" is not HOST:PORT; write for example 127.0.0.1:5696 or [::1]:5696\n',
  ],
  [['key', 'list', 'demo', '--limit', 'many'], 'tresor: --limit takes a number, not many\n'],
  [['client', 'create'], 'tresor: --name NAME is missing\ntresor: usage: tresor client create --name NAME\n'],
]

for (const [args, problem] of mistakes)
  test(`not understood: ${args.join(' ')}`, async (t) => {
    t.deepEqual(await tresor(args), { code: 2, stdout: '', stderr: problem })
  })

test('an option that a command lacks is named', async (t) => {
  const { code, stderr } = await tresor(['tenant', 'list', '--colour'])
  t.is(code, 2)
  t.regex(stderr, /--colour/)
})

for (const args of [['help'], ['--help'], []])
  test(`lists every command: tresor ${args.join(' ')}`, async (t) => {
    const { code, stdout } = await tresor(args)
    t.is(code, 0)
    for (const { name, summary } of commands) t.true(stdout.includes(summary), name)
  })

test('help of one command is the same both ways', async (t) => {
  const [asked, told] = await Promise.all([tresor(['help', 'tenant', 'enroll']), tresor(['tenant', 'enroll', '--help'])])
  t.is(asked.code, 0)
  t.is(asked.stdout, told.stdout)
  t.regex(asked.stdout, /^tresor tenant enroll TENANT USER /)
  t.regex(asked.stdout, /--csr FILE/)
})

test('docs/commands.md is what the commands say', (t) => {
  t.is(readFileSync('docs/commands.md', 'utf8'), describeCommands(commands), 'make it anew: node bin/docs.js')
})

test('every command teaches: a summary that ends, a description for each option', (t) => {
  for (const { name, summary, options } of commands) {
    t.regex(summary, /^[A-Z].*\.$/, name)
    for (const [option, { help, type, value }] of Object.entries(options)) {
      t.true(help.length > 5, `${name} --${option}`)
      t.is(value !== undefined, type === 'string', `${name} --${option}`)
    }
  }
})
