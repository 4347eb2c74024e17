-- The last filter of both engines: what Markdown cannot say about tables, links and the footer.

local html = FORMAT:match 'html' ~= nil

-- A wide table scrolls in its own box, also by keyboard; on a narrow screen one of many columns
-- is a card for each row, in which every cell says its column.
local function scroll(el)
  local labels, classes = {}, {'table-scroll'}
  for _, row in ipairs(el.head.rows) do
    for i, cell in ipairs(row.cells) do
      cell.attributes.scope = 'col'
      labels[i] = pandoc.utils.stringify(cell.contents)
    end
  end
  if #labels > 3 then
    classes[2] = 'stacks'
    for _, body in ipairs(el.bodies) do
      for _, row in ipairs(body.body) do
        for i, cell in ipairs(row.cells) do cell.attributes['data-label'] = labels[i] end
      end
    end
  end
  local box = {{'role', 'group'}, {'tabindex', '0'}, {'aria-label', 'Table'}}
  return pandoc.Div({el}, pandoc.Attr('', classes, box))
end

-- Quarto writes the number of a caption as text, "Figure 1: ...", and that of an equation into the
-- formula; the embedded engine has elements for both.
local function label(el)
  local first, text = el.content[1], ''
  if not first or first.t ~= 'Str' or not first.text:match '^Figure' and not first.text:match '^Table' then
    return nil
  end
  for i = 1, math.min(5, #el.content) do
    text = text .. pandoc.utils.stringify(el.content[i])
    if text:match '^%a+[\u{a0} ]+%d+:%s?$' then
      for _ = 1, i do el.content:remove(1) end
      el.content:insert(1, pandoc.Span({pandoc.Str((text:gsub('%s+$', '')))}, {class = 'label'}))
      if text:match '%s$' then el.content:insert(2, pandoc.Space()) end
      return el
    end
  end
end

local function equation_number(el)
  local formula = el.content[1]
  if not el.identifier:match '^eq%-' or not formula or formula.t ~= 'Math' then return nil end
  local text, number = formula.text:match '^(.-)%s*\\qquad%s*{?(%(%d+%))}?%s*$'
  if not number then return nil end
  formula.text = text
  el.classes:insert 'equation'
  el.content:insert(pandoc.Span({pandoc.Str(number)}, {class = 'equation-number'}))
  return el
end

-- A report links to its neighbour in its own format.
local function neighbour(el)
  local name = el.target:match '^([%w_-]+)%.html$'
  if name and not html then el.target = name .. '.pdf' end
  return el
end

-- Where a text has words that are too long for a line. They may be broken, by boxes of no width and
-- not by characters, which would be copied with the text; those of code, such as a commit, only if
-- they are longer still.
local function long(text)
  for word in text:gmatch '[^ ]+' do
    if utf8.len(word) > 24 then return true end
  end
  return false
end
local break_text = 'show regex("\\\\S{12}"): it => it + box(width: 0pt)'
local box_code = 'show regex("[0-9a-f]{40}|\\\\S{1,24}"): box'

-- A string of Typst's; neither quotes nor dashes nor signs of markup are changed in it.
local function literal(text)
  return '"' .. text:gsub('[\\"]', '\\%0') .. '"'
end

-- What comes from outside, `escaping.markdown` and `escaping.code` in Python, is text.
local function span(el)
  if html and el.identifier ~= '' then return equation_number(el) end
  local is_code = el.classes:includes 'given-code'
  if not is_code and not el.classes:includes 'given' then return nil end
  local text = pandoc.utils.stringify(el.content)
  if not html then
    local call = is_code and ('#{%s; raw(%%s)};'):format(box_code)
      or long(text) and ('#{%s; %%s};'):format(break_text) or '#%s;'
    return pandoc.RawInline('typst', call:format(literal(text)))
  end
  if is_code then return pandoc.Code(text, pandoc.Attr('', long(text) and {'given', 'long'} or {'given'})) end
  local open = long(text) and '<bdi class="long">' or '<bdi>'
  return {pandoc.RawInline('html', open), pandoc.Str(text), pandoc.RawInline('html', '</bdi>')}
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
  {Table = html and scroll or nil, Plain = html and label or nil, Link = neighbour, Span = span},
  {Pandoc = colophon},
}
