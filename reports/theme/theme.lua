-- The last filter of both engines: what Markdown cannot say about tables, links and the footer.

local html = FORMAT:match 'html' ~= nil

-- A wide table scrolls in its own box, also by keyboard.
local function scroll(el)
  for _, row in ipairs(el.head.rows) do
    for _, cell in ipairs(row.cells) do cell.attributes.scope = 'col' end
  end
  local box = {{'role', 'group'}, {'tabindex', '0'}, {'aria-label', 'Table'}}
  return pandoc.Div({el}, pandoc.Attr('', {'table-scroll'}, box))
end

-- A report links to its neighbour in its own format.
local function neighbour(el)
  local name = el.target:match '^([%w_-]+)%.html$'
  if name and not html then el.target = name .. '.pdf' end
  return el
end

local function dotted(version)
  local parts = {}
  for i = 1, #version do parts[i] = ('%d'):format(version[i]) end
  return table.concat(parts, '.')
end

local function colophon(doc)
  local engine = quarto and 'Quarto ' .. dotted(quarto.version)
    or pandoc.utils.stringify(doc.meta.engine or '')
  local text = ('Rendered by %s with Pandoc %s.'):format(engine, dotted(PANDOC_VERSION))
  if html then
    doc.blocks:insert(1, pandoc.RawBlock('html', '<div id="content" tabindex="-1"></div>'))
    doc.blocks:insert(pandoc.RawBlock('html', '<p class="colophon">' .. text .. '</p>'))
  else
    doc.blocks:insert(pandoc.RawBlock('typst', '#colophon[' .. text .. ']'))
  end
  return doc
end

return {
  {Table = html and scroll or nil, Link = neighbour},
  {Pandoc = colophon},
}
