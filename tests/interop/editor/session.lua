-- A session with the language server: what a user of the demo shop does in Neovim. It ends Neovim with status 1 if something is missing.

local checks = 0

local function fail(what, found)
  io.stderr:write('\nmissing: ' .. what .. ': ' .. vim.inspect(found) .. '\n')
  vim.cmd('cquit 1')
end

local function holds(what, is_so, found)
  if not is_so then
    fail(what, found)
  end
  checks = checks + 1
  io.stdout:write('\nholds: ' .. what)
end

local function diagnostics(buffer)
  return vim.diagnostic.get(buffer)
end

-- Waits until the problems of a buffer are as they should be.
local function until_problems(what, buffer, is_so)
  local found = vim.wait(60000, function()
    return is_so(diagnostics(buffer))
  end, 20)
  holds(what, found, diagnostics(buffer))
end

local function has(code)
  return function(problems)
    for _, problem in ipairs(problems) do
      if problem.code == code or (problem.user_data and problem.user_data.lsp and problem.user_data.lsp.code == code) then
        return true
      end
    end
    return false
  end
end

local function ask(buffer, method, line, column, more)
  local params = vim.tbl_extend('force', {
    textDocument = { uri = vim.uri_from_bufnr(buffer) },
    position = { line = line, character = column },
  }, more or {})
  local answers, error = vim.lsp.buf_request_sync(buffer, method, params, 60000)
  if not answers then
    fail(method, error)
  end
  for _, answer in pairs(answers) do
    if answer.error then
      fail(method, answer.error)
    end
    return answer.result
  end
end

-- The line and the column of a text, both from 0.
local function find(buffer, text)
  for index, line in ipairs(vim.api.nvim_buf_get_lines(buffer, 0, -1, false)) do
    local at = line:find(text, 1, true)
    if at then
      return index - 1, at - 1
    end
  end
  fail('the text ' .. text, vim.api.nvim_buf_get_lines(buffer, 0, -1, false))
end

local function replace(buffer, text, with)
  local line, column = find(buffer, text)
  vim.api.nvim_buf_set_text(buffer, line, column, line, column + #text, { with })
end

local buffer = vim.api.nvim_get_current_buf()
local client = vim.lsp.start_client({
  name = 'hydra',
  cmd = { vim.env.HYDRA_COMPILE, 'lsp' },
  root_dir = vim.fn.getcwd(),
})
holds('the server starts', client ~= nil, client)
vim.lsp.buf_attach_client(buffer, client)
holds('the server is ready', vim.wait(60000, function()
  local running = vim.lsp.get_client_by_id(client)
  return running and running.initialized
end, 20), client)

-- A mistake, and its mend by the quick fix.
replace(buffer, 'ref="checkout"', 'ref="chekout"')
until_problems('a wrong ref is told', buffer, has('unknown-ref'))
local line, column = find(buffer, 'chekout')
local range = { start = { line = line, character = column }, ['end'] = { line = line, character = column } }
local actions = ask(buffer, 'textDocument/codeAction', line, column, { range = range, context = { diagnostics = {} } })
holds('a quick fix is offered', actions and #actions == 1, actions)
vim.lsp.util.apply_workspace_edit(actions[1].edit, 'utf-16')
find(buffer, 'ref="checkout"')
until_problems('the quick fix mends it', buffer, function(problems)
  return not has('unknown-ref')(problems)
end)

-- Questions about places.
line, column = find(buffer, 'ref="checkout"')
local places = ask(buffer, 'textDocument/definition', line, column + 6)
holds('the tag leads to `m:ref` in the other service', places and places[1] and places[1].uri:find('order%-service/templates/checkout.html') ~= nil, places)
local uses = ask(buffer, 'textDocument/references', line, column + 6, { context = { includeDeclaration = true } })
holds('the fragment is used and offered', uses and #uses >= 2, uses)
local hover = ask(buffer, 'textDocument/hover', line, column + 6)
holds('a hover names the fragment', hover and hover.contents.value:find('fragment `checkout` of `orderService`', 1, true) ~= nil, hover)

-- A tag that is half written.
vim.api.nvim_buf_set_lines(buffer, line, line, false, { '<m:fragment service="' })
local items = ask(buffer, 'textDocument/completion', line, 21)
local labels = {}
for _, item in ipairs(items or {}) do
  labels[item.label] = true
end
holds('services are completed', labels['orderService'] and labels['recommendations'], items)
vim.api.nvim_buf_set_lines(buffer, line, line + 1, false, {})

-- Another file: Neovim of this version does not watch files, so that the server does.
local contract = 'storefront/contracts/orderService.json'
local text = table.concat(vim.fn.readfile(contract), '\n')
vim.fn.writefile(vim.split((text:gsub('"checkout"', '"checkout2"')), '\n'), contract)
until_problems('a contract that changes on the disk is told', buffer, has('unknown-ref'))
vim.fn.writefile(vim.split(text, '\n'), contract)
until_problems('and told again when it is mended', buffer, function(problems)
  return not has('unknown-ref')(problems)
end)

io.stdout:write('\n' .. checks .. ' checks hold\n')
vim.lsp.stop_client(client)
vim.cmd('qall!')
