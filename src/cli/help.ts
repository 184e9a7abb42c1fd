import type { Command } from './command.ts'

const common = `Every command takes --data DIR (where Tresor keeps its data; ./data unless said), --config FILE
(DIR/tresor.yaml unless said), --json (one JSON object a line) and --help.
Exit codes: 0 done, 1 refused or failed, 2 the command line was not understood.
`

/** All commands, a line each. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`)
  return `Tresor, a key manager that speaks KMIP.

${rows.join('\n')}

New here: tresor start makes a data folder, serves, and shows what it does.
tresor COMMAND --help says more of one command.

${common}`
}

/** One command: usage, what it does, its options. */
export function commandHelp(command: Command): string {
  return `${ownHelp(command)}\n\n${common}`
}

function ownHelp({ name, usage, summary, details, options }: Command): string {
  const labels = Object.entries(options).map(([option, { short, value, help }]) => ({
    label: `${short ? `-${short}, ` : ''}--${option}${value ? ` ${value}` : ''}`,
    help,
  }))
  const width = Math.max(0, ...labels.map(({ label }) => label.length)) + 2
  const rows = labels.map(({ label, help }) => `  ${label.padEnd(width)}${help}`)
  return [
    `tresor ${name} ${usage}`.trimEnd(),
    '',
    summary,
    ...(details ? ['', details] : []),
    ...(rows.length > 0 ? ['', ...rows] : []),
  ].join('\n')
}

/** docs/commands.md, made from the table of commands. */
export function describeCommands(commands: readonly Command[]): string {
  const texts = commands.map((command) => `## ${command.name}\n\n\`\`\`\n${ownHelp(command)}\n\`\`\`\n`)
  return `# Commands

\`npx tresor COMMAND\`; \`npx tresor help COMMAND\` says the same as this page, which is made from the commands themselves.

${common}
${texts.join('\n')}`
}
