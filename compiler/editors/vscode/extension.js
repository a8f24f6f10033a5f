// Starts `hydra-compile lsp` beside the HTML server of VS Code, and stops it.
'use strict';

const { commands, window, workspace } = require('vscode');
const { LanguageClient, TransportKind } = require('vscode-languageclient/node');

/** The languages that the templates of a site may have. The server itself says which files belong to a site. */
const LANGUAGES = ['html', 'xml', 'plaintext', 'jinja', 'jinja-html', 'tera'];

/** @type {LanguageClient | undefined} */
let client;

async function start() {
  const settings = workspace.getConfiguration('hydra');
  const command = settings.get('path') || 'hydra-compile';
  client = new LanguageClient(
    'hydra',
    'Hydra',
    { command, args: ['lsp'], transport: TransportKind.stdio },
    {
      documentSelector: LANGUAGES.map((language) => ({ scheme: 'file', language })),
      initializationOptions: { templates: settings.get('templates') || [] },
    },
  );
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    window.showErrorMessage(`Hydra: can't start \`${command} lsp\`: ${error.message}. Set \`hydra.path\`.`);
  }
}

async function stop() {
  const running = client;
  client = undefined;
  await running?.stop();
}

let queue = Promise.resolve();

/** Runs tasks one after the other: a client that is still starting can't be stopped. */
function inTurn(task) {
  queue = queue.then(task, task);
  return queue;
}

function restart() {
  return inTurn(async () => {
    await stop();
    await start();
  });
}

exports.activate = async (context) => {
  context.subscriptions.push(
    commands.registerCommand('hydra.restart', restart),
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('hydra')) restart();
    }),
  );
  await inTurn(start);
};

exports.deactivate = () => inTurn(stop);
