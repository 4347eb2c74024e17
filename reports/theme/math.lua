-- What Pandoc's writers make of formulas needs help in a few places, in both engines.

local html = FORMAT:match 'html' ~= nil

-- Functions that are followed by a space unless a bracket or an exponent comes next, as in TeX.
local functions = {
  'arg', 'cos', 'cosh', 'det', 'dim', 'exp', 'inf', 'ker', 'lim', 'ln', 'log', 'max', 'min', 'sin',
  'sinh', 'sup', 'tan', 'tanh',
}

-- MathML has no space after a function's name: `\log g` would be read as one word.
local function spaced(tex)
  for _, name in ipairs(functions) do
    tex = tex:gsub('\\' .. name .. '%s+([%a\\])', function(next) return '\\' .. name .. '\\,' .. next end)
  end
  return (tex:gsub('(\\operatorname{%a+})%s+(%a)', '%1\\,%2'))
end

-- In Typst, names of functions are operators, and bars are delimiters.
local function operators(tex)
  tex = tex:gsub('\\lvert', '\\left|'):gsub('\\rvert', '\\right|')
  local block = pandoc.Pandoc {pandoc.Plain {pandoc.Math('InlineMath', tex)}}
  local typst = pandoc.write(block, 'typst'):gsub('%s+$', ''):match '^%$(.*)%$$'
  if not typst then return nil end
  typst = typst:gsub('(%a*%(?)"(%a+)"', function(before, name)
    if before == 'upright(' then return nil end  -- words
    return before .. 'op("' .. name .. '")'
  end)
  return typst
end

local function math(el)
  if html then
    el.text = spaced(el.text)
    return el
  end
  local typst = operators(el.text)
  local inline = el.mathtype == 'InlineMath'
  return typst and pandoc.RawInline('typst', inline and '$' .. typst .. '$' or '$ ' .. typst .. ' $')
end

return {{Math = math}}
