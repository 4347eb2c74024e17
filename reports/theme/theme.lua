-- The last filter of both engines: what Markdown cannot say about tables, links and the footer.

local html = FORMAT:match 'html' ~= nil

local function scope(el)
  for _, row in ipairs(el.head.rows) do
    for _, cell in ipairs(row.cells) do cell.attributes.scope = 'col' end
  end
  return el
end

local function scroll(el)
  return pandoc.Div({scope(el)}, {class = 'table-scroll', tabindex = '0'}), false
end

-- A report links to its neighbour in its own format.
local function neighbour(el)
  local name = el.target:match '^([%w_-]+)%.html$'
  if name and not html then el.target = name .. '.pdf' end
  return el
end

local function colophon(doc)
  local engine = pandoc.utils.stringify(doc.meta.engine or '')
  if quarto then engine = 'Quarto ' .. tostring(quarto.version) end
  local text = ('Rendered by %s with Pandoc %s.'):format(engine, tostring(PANDOC_VERSION))
  if html then
    doc.blocks:insert(1, pandoc.RawBlock('html', '<div id="content" tabindex="-1"></div>'))
    doc.blocks:insert(pandoc.RawBlock('html', '<p class="colophon">' .. text .. '</p>'))
  else
    doc.blocks:insert(pandoc.RawBlock('typst', '#colophon[' .. text .. ']'))
  end
  return doc
end

return {
  {traverse = 'topdown', Table = html and scroll or nil, Link = neighbour},
  {Pandoc = colophon},
}
