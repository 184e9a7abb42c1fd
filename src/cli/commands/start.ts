import type { Command } from '../command.ts'

export const start: Command = {
  name: 'start',
  usage: '[--listen HOST:PORT] [--insecure-development]',
  summary: 'Try Tresor: make a data folder if there is none, serve, and show what a key goes through.',
  details: `What npm start runs. It makes the data folder with a development authority, a first tenant demo and a client bundle for its user app,
serves KMIP, and then, as that client over mutual TLS, creates a key, uses it, destroys it and is refused. It stays up until SIGTERM or
SIGINT. A second start keeps the data. For anything but a trial: tresor init, then tresor serve.`,
  arity: [0, 0],
  options: {
    listen: { type: 'string', value: 'HOST:PORT', help: 'in place of listen.kmip of tresor.yaml; 127.0.0.1:5696 unless said' },
    'insecure-development': { type: 'boolean', help: 'serve other machines with development certificates or a root secret in a file' },
  },
  async run(invocation) {
    const { tryTresor } = await import('../trial.ts')
    await tryTresor(invocation)
  },
}
